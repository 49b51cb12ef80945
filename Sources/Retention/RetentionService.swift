package import AuditLog
import Catalog
import Governance
package import History
package import KeyVault
package import Model
package import Postgres

/// Retention of one tenant: sets policies, shows what they would do, does it, and explains single messages.
package struct RetentionService: Sendable {
  /// Messages of one page of a scan and of one deleting transaction, at most.
  package static let batchMessagesMax = 1_000

  let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let audit: AuditLog
  /// Index groups of the home: which feed a deletion is told to.
  let groups: Int
  /// How long a change that would delete waits, in seconds.
  let graceSeconds: Int64
  /// Whether a change that would delete waits for a second person too.
  let needsApproval: Bool
  /// Whether a month of which nothing is left loses its key. Safe because everything that seals under a period's key
  /// calls `KeyVault.alive` in the transaction that stores or switches, or else a message could be sealed under a key
  /// that is destroyed.
  let endsPeriods: Bool
  /// `nil`: nobody is told what was deleted.
  let notices: DeletionNotices?
  let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, history: HistoryReader, audit: AuditLog,
    groups: Int, graceSeconds: Int64 = 86_400, needsApproval: Bool = false, endsPeriods: Bool = true,
    notices: DeletionNotices? = nil, now: @escaping @Sendable () -> Timestamp
  ) {
    precondition(graceSeconds >= 0)
    self.directory = directory
    self.database = database
    self.vault = vault
    self.history = history
    self.audit = audit
    self.groups = groups
    self.graceSeconds = graceSeconds
    self.needsApproval = needsApproval
    self.endsPeriods = endsPeriods
    self.notices = notices
    self.now = now
  }

  var tenant: TenantID { directory.tenant.id }
  var names: PolicyNames { PolicyNames(directory: directory) }

  /// The policies that count, as they are at the moment of the transaction: none that waits for approval.
  static func policies(of tenant: TenantID, in tx: borrowing Transaction) throws -> PolicyHistory {
    try PolicyHistory(Policies.sets(tenant: tenant, in: tx))
  }
}
