package import Model
package import Postgres

/// A search that somebody keeps, as stored: who it belongs to, and the rest sealed.
package struct SavedSearchRow: Sendable, Hashable {
  package enum Owner: Sendable, Hashable {
    case member(SubjectID)
    /// A legal hold: the case that compliance looks into.
    case hold(Int64)
  }

  package let id: Int64
  package let owner: Owner
  package let sealed: [UInt8]
  package let createdAt: Timestamp

  package init(id: Int64, owner: Owner, sealed: [UInt8], createdAt: Timestamp) {
    self.id = id
    self.owner = owner
    self.sealed = sealed
    self.createdAt = createdAt
  }
}

package enum SavedSearchRows {
  /// Returns whether there was room: an owner keeps at most `limit`.
  package static func insert(
    _ row: SavedSearchRow, tenant: TenantID, limit: Int64, in tx: borrowing Transaction
  ) throws -> Bool {
    // Two at once would each see room for one. Owners' numbers are random, so that no other lock has this one.
    try tx.execute("SELECT pg_advisory_xact_lock($1)", [.int8(row.owner.number)])
    return try tx.execute(
      insert,
      [
        .int8(tenant.rawValue), .int8(row.id), .int2(row.owner.kind), .int8(row.owner.number),
        .bytes(row.sealed), .timestamp(microseconds: row.createdAt.microseconds), .int8(limit),
      ]
    ).affected > 0
  }

  /// In the order they were kept.
  package static func list(of owner: SavedSearchRow.Owner, tenant: TenantID, in tx: borrowing Transaction)
    throws -> [SavedSearchRow]
  {
    let found = try tx.execute(
      select + " AND owner_kind = $2 AND owner_id = $3 ORDER BY created_at, saved_id",
      [.int8(tenant.rawValue), .int2(owner.kind), .int8(owner.number)])
    return rows(found)
  }

  package static func find(_ id: Int64, tenant: TenantID, in tx: borrowing Transaction) throws
    -> SavedSearchRow?
  {
    rows(try tx.execute(select + " AND saved_id = $2", [.int8(tenant.rawValue), .int8(id)])).first
  }

  package static func remove(_ id: Int64, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "DELETE FROM saved_search WHERE tenant_id = $1 AND saved_id = $2",
      [.int8(tenant.rawValue), .int8(id)])
  }

  package static func removeAll(of member: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws
    -> Int
  {
    try tx.execute(
      "DELETE FROM saved_search WHERE tenant_id = $1 AND owner_kind = 1 AND owner_id = $2",
      [.int8(tenant.rawValue), .int8(member.rawValue)]
    ).affected
  }

  private static func rows(_ rows: PostgresRows) -> [SavedSearchRow] {
    (0..<rows.count).map { row in
      let number = rows.int64(row, 2)
      return SavedSearchRow(
        id: rows.int64(row, 0),
        owner: rows.int64(row, 1) == 1 ? .member(SubjectID(rawValue: number)) : .hold(number),
        sealed: rows.bytes(row, 3), createdAt: Timestamp(microseconds: rows.timestamp(row, 4)))
    }
  }

  private static let select = """
    SELECT saved_id, owner_kind::bigint, owner_id, sealed, created_at FROM saved_search WHERE tenant_id = $1
    """
  private static let insert = """
    INSERT INTO saved_search (tenant_id, saved_id, owner_kind, owner_id, sealed, created_at)
    SELECT $1, $2, $3, $4, $5, $6 WHERE
      (SELECT count(*) FROM saved_search WHERE tenant_id = $1 AND owner_kind = $3 AND owner_id = $4) < $7
    """
}

extension SavedSearchRow.Owner {
  fileprivate var kind: Int16 {
    switch self {
    case .member: 1
    case .hold: 2
    }
  }

  fileprivate var number: Int64 {
    switch self {
    case .member(let subject): subject.rawValue
    case .hold(let hold): hold
    }
  }
}
