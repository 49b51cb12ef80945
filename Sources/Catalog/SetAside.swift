package import Model
package import Postgres

/// Input that was not accepted, kept with its reason.
package struct SetAsideRow: Sendable {
  package let id: Int64
  package let tenant: TenantID
  package let arrivedAt: Timestamp
  package let expiresAt: Timestamp
  package let line: Int64
  package let code: String
  package let detail: String
  package let subject: SubjectID?
  /// Source and raw line; `nil` where they are withheld.
  package let sealed: [UInt8]?

  package init(
    id: Int64, tenant: TenantID, arrivedAt: Timestamp, expiresAt: Timestamp, line: Int64, code: String,
    detail: String, subject: SubjectID?, sealed: [UInt8]?
  ) {
    self.id = id
    self.tenant = tenant
    self.arrivedAt = arrivedAt
    self.expiresAt = expiresAt
    self.line = line
    self.code = code
    self.detail = detail
    self.subject = subject
    self.sealed = sealed
  }
}

package enum SetAside {
  /// A row with an id that is there already is left alone, so that repeating a batch adds nothing.
  package static func insert(_ rows: [SetAsideRow], in tx: borrowing Transaction) throws {
    for row in rows {
      try tx.execute(
        insert,
        [
          .int8(row.id), .int8(row.tenant.rawValue), .timestamp(microseconds: row.arrivedAt.microseconds),
          .timestamp(microseconds: row.expiresAt.microseconds), .int8(row.line), .text(row.code),
          .text(row.detail),
          row.subject.map { .int8($0.rawValue) } ?? .null, row.sealed.map { .bytes($0) } ?? .null,
        ])
    }
  }

  /// In order of arrival; what arrived together, in the order of its lines, so that trying it again keeps the order
  /// of a conversation.
  package static func list(
    tenant: TenantID, after last: SetAsideRow? = nil, limit: Int, in tx: borrowing Transaction
  ) throws -> [SetAsideRow] {
    let rows = try tx.execute(
      select,
      [
        .int8(tenant.rawValue), .timestamp(microseconds: (last?.arrivedAt ?? .earliest).microseconds),
        .int8(last?.line ?? Int64.min), .int8(last?.id ?? Int64.min), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { row in
      SetAsideRow(
        id: rows.int64(row, 0), tenant: tenant, arrivedAt: Timestamp(microseconds: rows.timestamp(row, 1)),
        expiresAt: Timestamp(microseconds: rows.timestamp(row, 2)), line: rows.int64(row, 3),
        code: rows.text(row, 4),
        detail: rows.text(row, 5), subject: rows.int64OrNil(row, 6).map(SubjectID.init),
        sealed: rows.bytesOrNil(row, 7))
    }
  }

  package static func remove(_ ids: [Int64], in tx: borrowing Transaction) throws {
    try tx.execute("DELETE FROM set_aside WHERE set_aside_id = ANY($1)", [.int8Array(ids)])
  }

  package static func removeExpired(at now: Timestamp, in tx: borrowing Transaction) throws -> Int {
    try tx.execute(
      "DELETE FROM set_aside WHERE expires_at <= $1", [.timestamp(microseconds: now.microseconds)]
    ).affected
  }

  package static func removeAll(about subject: SubjectID, in tx: borrowing Transaction) throws -> Int {
    try tx.execute("DELETE FROM set_aside WHERE subject_id = $1", [.int8(subject.rawValue)]).affected
  }

  package static func count(tenant: TenantID?, in tx: borrowing Transaction) throws -> Int {
    Int(
      try tx.execute(
        "SELECT count(*) FROM set_aside WHERE $1::bigint IS NULL OR tenant_id = $1",
        [tenant.map { .int8($0.rawValue) } ?? .null]
      ).int64(0, 0))
  }

  private static let insert = """
    INSERT INTO set_aside (set_aside_id, tenant_id, arrived_at, expires_at, line, code, detail, subject_id, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
    """
  private static let select = """
    SELECT set_aside_id, arrived_at, expires_at, line, code, detail, subject_id, sealed FROM set_aside
    WHERE tenant_id = $1 AND (arrived_at, line, set_aside_id) > ($2, $3, $4)
    ORDER BY arrived_at, line, set_aside_id LIMIT $5
    """
}
