package import AuditLog
package import Catalog
import Foundation
package import History
package import KeyVault
package import Model
package import Postgres
package import SearchIndex
import Sodium

/// Erases people: request → plan → approve → run → verify by looking → certificate.
package struct ErasureService: Sendable {
  package struct Settings: Sendable {
    package var home: String
    package var groups: Int
    /// How long backups of the database are kept, in seconds.
    package var backupWindowSeconds: Int64
    /// How long after the release of a hold nothing is destroyed that it kept, in seconds.
    package var graceSeconds: Int64

    package init(
      home: String, groups: Int, backupWindowSeconds: Int64, graceSeconds: Int64 = 86_400
    ) {
      self.home = home
      self.groups = groups
      self.backupWindowSeconds = backupWindowSeconds
      self.graceSeconds = graceSeconds
    }
  }

  let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let index: SearchIndex
  let audit: AuditLog
  let settings: Settings
  /// Deletes the files of withdrawn packages; the exporting flow's, as flows do not know each other.
  let deletePackages: @Sendable () async throws -> Void
  /// Takes what was deleted out of the files of these index groups and of the archive; other flows' work.
  let purgeDeleted: @Sendable ([Int]) async throws -> Void
  /// Brings the search index up to what is in the feed, or throws; another flow's work.
  let followFeed: @Sendable () async throws -> Void
  /// Keeps a second run of the same erasure away, of whatever process, while the body runs.
  let alone: Alone
  /// `nil`: nobody is told what was deleted.
  let notices: DeletionNotices?
  let now: @Sendable () -> Timestamp

  package typealias Alone =
    @Sendable (
      _ erasure: Int64, _ body: @escaping @Sendable () async throws -> Certificate
    ) async throws -> Certificate

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, history: HistoryReader, index: SearchIndex,
    audit: AuditLog, settings: Settings, deletePackages: @escaping @Sendable () async throws -> Void,
    purgeDeleted: @escaping @Sendable ([Int]) async throws -> Void = { _ in },
    followFeed: @escaping @Sendable () async throws -> Void = {},
    alone: @escaping Alone = { _, body in try await body() },
    notices: DeletionNotices? = nil,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.history = history
    self.index = index
    self.audit = audit
    self.settings = settings
    self.deletePackages = deletePackages
    self.purgeDeleted = purgeDeleted
    self.followFeed = followFeed
    self.alone = alone
    self.notices = notices
    self.now = now
  }

  var tenant: TenantID { directory.tenant.id }

  /// As GDPR Art. 12(3) gives.
  private static let dueMonths = 1

  /// Records the wish. Nothing is touched yet.
  package func request(subject id: String, reason: String, actor: String) async throws -> ErasureRow {
    try await request(.subject(id), reason: reason, actor: actor)
  }

  package func request(_ target: ErasureTarget, reason: String, actor: String) async throws -> ErasureRow {
    let found = try await resolve(target)
    let erasure = Randomness.identifier()
    let owner = KeyOwner.request(tenant, erasure)
    let key = try await vault.keys([owner], creating: true)[owner]
    guard let key else { throw ErasureError(.wrongState, "the key of the request could not be made") }
    let sealed = RequestSeal.seal(subject: target.id, reason: reason, erasure: erasure, key: key)
    let (tenant, now, requester, audit) = (tenant, now(), actorHash(actor), audit)
    return try await database.transaction { tx in
      try Erasures.insert(
        id: erasure, tenant: tenant, scope: found.scope, subjectHash: found.hash, subject: found.subject,
        requesterHash: requester, sealed: sealed, at: now, due: now.adding(months: Self.dueMonths), in: tx)
      _ = try audit.append(
        [Self.entry("erasure.requested", erasure, actor, tenant, about: found.hash)], at: now, in: tx)
      guard let row = try Erasures.find(erasure, in: tx) else { throw Self.unknown }
      return row
    }
  }

  package func find(_ id: Int64) async throws -> ErasureRow {
    let tenant = tenant
    let row = try await database.transaction { tx in try Erasures.find(id, in: tx) }
    guard let row, row.tenant == tenant else { throw Self.unknown }
    return row
  }

  package func list() async throws -> [ErasureRow] {
    let tenant = tenant
    return try await database.transaction { tx in try Erasures.list(tenant: tenant, in: tx) }
  }

  /// A second person agrees, unless the tenant does without.
  package func approve(_ id: Int64, actor: String) async throws {
    let row = try await find(id)
    guard row.state == .planned else {
      throw ErasureError(
        .wrongState, "only a planned erasure can be approved; this one is \(row.state.rawValue)")
    }
    let hash = actorHash(actor)
    guard !directory.tenant.secondPerson || hash != row.requesterHash else {
      throw ErasureError(.samePerson, "the approver must be another person than the requester")
    }
    let (tenant, now, audit) = (tenant, now(), audit)
    try await database.transaction { tx in
      guard try Erasures.approve(id, approverHash: hash, at: now, in: tx) else {
        throw ErasureError(.wrongState, "the erasure was taken back or approved by somebody else meanwhile")
      }
      try Self.tell(id, tenant, at: now, in: tx)
      _ = try audit.append([Self.entry("erasure.approved", id, actor, tenant)], at: now, in: tx)
    }
  }

  /// A controller's request that the erasure carries out may have to be worked on, or answered.
  static func tell(_ id: Int64, _ tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction) throws {
    try SubjectRequests.wake(object: Handle.text("erasure", id), tenant: tenant, at: now, in: tx)
  }

  static let unknown = ErasureError(.unknownErasure, "there is no erasure of that id in this tenant")

  /// The request's subject, or one of the same id that arrived after the request.
  func currentSubject(_ row: ErasureRow) async throws -> SubjectID? {
    if let subject = row.subject { return subject }
    let (tenant, hash) = (tenant, row.subjectHash)
    return try await database.transaction { tx in
      try Subjects.find(hashes: [hash], tenant: tenant, in: tx).first?.id
    }
  }

  func actorHash(_ actor: String) -> [UInt8] { directory.hasher.hash("actor", actor) }

  static func entry(
    _ action: String, _ erasure: Int64, _ actor: String, _ tenant: TenantID,
    _ details: [String: String] = [:],
    about subjectHash: [UInt8]? = nil
  ) -> AuditEntry {
    AuditEntry(
      tenant: tenant, actor: actor, action: action, object: Handle.text("erasure", erasure), details: details,
      mentions: subjectHash.map { [AuditEntry.Mention($0)] } ?? [])
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// Keeps whom a request is about, until it is completed, under a key of the request's own.
enum RequestSeal {
  static func seal(subject: String, reason: String, erasure: Int64, key: SecretBytes) -> [UInt8] {
    var writer = ByteWriter()
    writer.text(subject)
    writer.text(reason)
    return AEAD.seal(writer.bytes, key: key, additional: additional(erasure))
  }

  static func open(_ sealed: [UInt8], erasure: Int64, key: SecretBytes) throws -> (
    subject: String, reason: String
  ) {
    var reader = ByteReader(try AEAD.open(sealed, key: key, additional: additional(erasure)))
    return (try reader.text(), try reader.text())
  }

  private static func additional(_ erasure: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw("erasure".utf8)
    writer.fixed(erasure)
    return writer.bytes
  }
}
