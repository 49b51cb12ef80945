import AuditLog
package import Catalog
import KeyVault
import Model
import Postgres

extension ErasureService {
  /// How a request ends without an erasure.
  package enum Ending: String, Sendable {
    /// By whoever made it.
    case withdrawn
    /// By us, with a reason that the person is told (GDPR Art. 12(4)).
    case refused
  }

  /// Two months more, as GDPR Art. 12(3) allows once, for a reason the person is told within the first.
  private static let extensionMonths = 2

  /// Ends a request of which nothing was carried out. The reason is kept sealed in the audit log.
  package func end(_ id: Int64, as ending: Ending, reason: String, actor: String) async throws -> ErasureRow {
    let row = try await find(id)
    let (tenant, now) = (tenant, now())
    let request = KeyOwner.request(tenant, id)
    try await database.transaction { tx in
      guard try Erasures.end(id, as: ending == .withdrawn ? .withdrawn : .refused, in: tx) else {
        throw ErasureError(
          .wrongState, "an erasure that is \(row.state.rawValue) can not be \(ending.rawValue) any more")
      }
      let entry = AuditEntry(
        tenant: tenant, actor: actor, action: "erasure.\(ending.rawValue)",
        object: Handle.text("erasure", id),
        personal: ["reason": reason],
        mentions: [.init(row.subjectHash, part: "reason")])
      try append(entry, about: row, at: now, in: tx)
      try KeyVault.destroy([request], reason: Handle.text("erasure", id), at: now, in: tx)
    }
    vault.forget([request])
    return try await find(id)
  }

  package func extend(_ id: Int64, reason: String, actor: String) async throws -> ErasureRow {
    let row = try await find(id)
    let (tenant, now) = (tenant, now())
    try await database.transaction { tx in
      let due = row.dueAt.adding(months: Self.extensionMonths)
      guard try Erasures.extend(id, to: due, at: now, in: tx) else {
        throw ErasureError(
          .wrongState,
          "an erasure is extended once, while it is open and before it is due at \(row.dueAt.rfc3339)")
      }
      let entry = AuditEntry(
        tenant: tenant, actor: actor, action: "erasure.extended", object: Handle.text("erasure", id),
        details: ["due_at": due.rfc3339], personal: ["reason": reason],
        mentions: [.init(row.subjectHash, part: "reason")])
      try append(entry, about: row, at: now, in: tx)
    }
    return try await find(id)
  }

  /// A reason may name whom it is about. Of somebody who is erased already, none is kept: their erasure would not
  /// verify any more.
  private func append(
    _ entry: AuditEntry, about row: ErasureRow, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try Self.tell(row.id, row.tenant, at: now, in: tx)
    _ = try audit.append([entry], at: now, in: tx)
    let erased = try ErasureLedger.contains(hashes: [row.subjectHash], tenant: row.tenant, in: tx)
    if !erased.isEmpty { try audit.eraseParts(about: row.subjectHash, tenant: row.tenant, in: tx) }
  }
}
