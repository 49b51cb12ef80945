package import Model
package import Postgres

/// Whom entries are about. `hash` is the tenant's keyed hash of the person's id, the one the catalogue knows them by.
extension AuditLog {
  /// Erases every readable part that names the person and returns how many there were; entries and proofs stay.
  @discardableResult
  package func eraseParts(about hash: [UInt8], tenant: TenantID, in tx: borrowing Transaction) throws -> Int {
    let values: [PostgresValue] = [.int8(tenant.rawValue), .bytes(hash)]
    let erased = try tx.execute(AuditStatement.eraseParts, values).affected
    try tx.execute(AuditStatement.eraseMentions, values)
    return erased
  }

  /// How many readable parts name the person: for a plan, and for verifying an erasure by looking.
  package func partCount(about hash: [UInt8], tenant: TenantID, in tx: borrowing Transaction) throws -> Int {
    let values: [PostgresValue] = [.int8(tenant.rawValue), .bytes(hash)]
    return Int(try tx.execute(AuditStatement.countParts, values).int64(0, 0))
  }

  /// A page of the entries about a person, after entry `index`, for whom they are about: without those of silent
  /// holds, which nobody may tell them of. `last` is where the next page starts; without one, there is no more.
  package func entries(
    about hash: [UInt8], tenant: TenantID, after index: Int64 = -1, limit: Int, in tx: borrowing Transaction
  ) throws -> (entries: [RecordedEntry], last: Int64?) {
    let rows = try tx.execute(
      AuditStatement.mentioning,
      [
        .int8(tenant.rawValue), .bytes(hash), .int8(index), .int8(Int64(min(max(limit, 1), Self.pageMax))),
      ])
    let all = (0..<rows.count).map { Self.entry(rows, $0) }
    return (all.filter { !$0.isSilent }, all.last?.index)
  }
}

extension RecordedEntry {
  /// What was done, and to what; `nil` for an entry of a later version.
  package var deed: (action: String, object: String)? {
    let entry = CanonicalJSON(parsing: bytes)
    guard let action = entry?["action"]?.string, let object = entry?["object"]?.string else { return nil }
    return (action, object)
  }

  /// Whether the person it is about must not hear of it.
  package var isSilent: Bool {
    CanonicalJSON(parsing: bytes)?["details"]?[AuditEntry.silentDetail]?.string == "true"
  }
}
