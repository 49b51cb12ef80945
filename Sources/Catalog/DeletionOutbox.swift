package import Model
package import Postgres

/// What one transaction deleted of a tenant, sealed, for clients to be told.
package struct DeletionNoticeRow: Sendable {
  package let first: Int64
  package let last: Int64
  package let at: Timestamp
  /// Since 1970: which key.
  package let day: Int32
  package let sealed: [UInt8]

  package init(first: Int64, last: Int64, at: Timestamp, day: Int32, sealed: [UInt8]) {
    (self.first, self.last, self.at, self.day, self.sealed) = (first, last, at, day, sealed)
  }
}

/// How far the clients of a tenant have been told.
package struct OutboxStanding: Sendable, Hashable {
  package let tenant: TenantID
  package let last: Int64
  package let delivered: Int64
  package let attempts: Int
  /// Up to which nothing is kept any more.
  package let expired: Int64
  /// When the oldest that is not delivered came about.
  package let waitingSince: Timestamp?
}

package enum DeletionOutbox {
  /// Takes the next `count` sequences, and with them the tenant's outbox until the transaction ends.
  package static func reserve(
    _ count: Int, tenant: TenantID, day: Int32, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Int64 {
    try tx.execute(
      reserve,
      [
        .int8(tenant.rawValue), .int8(Int64(count)), .timestamp(microseconds: now.microseconds),
        .int4(day - 1),
      ]
    ).int64(0, 0)
  }

  package static func insert(
    _ row: DeletionNoticeRow, tenant: TenantID, senders: Set<SubjectID>, erased: Bool,
    in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      insert,
      [
        .int8(tenant.rawValue), .int8(row.first), .int8(row.last),
        .timestamp(microseconds: row.at.microseconds), .int4(row.day),
        .int8Array(senders.map(\.rawValue).sorted()), .bool(erased), .bytes(row.sealed),
      ])
  }

  /// Rows with anything after `sequence`, in order.
  package static func read(
    tenant: TenantID, after sequence: Int64, limit: Int, in tx: borrowing Transaction
  ) throws -> [DeletionNoticeRow] {
    let rows = try tx.execute(
      """
      SELECT first_sequence, last_sequence, at, day, sealed FROM deletion_notice
      WHERE tenant_id = $1 AND last_sequence > $2 ORDER BY first_sequence LIMIT $3
      """, [.int8(tenant.rawValue), .int8(sequence), .int8(Int64(limit))])
    return (0..<rows.count).map { row in
      DeletionNoticeRow(
        first: rows.int64(row, 0), last: rows.int64(row, 1),
        at: Timestamp(microseconds: rows.timestamp(row, 2)), day: Int32(rows.int64(row, 3)),
        sealed: rows.bytes(row, 4))
    }
  }

  /// - Parameter dueAt: only those with something to deliver by then.
  package static func standings(dueAt now: Timestamp? = nil, in tx: borrowing Transaction) throws
    -> [OutboxStanding]
  {
    let rows = try tx.execute(
      standings, [now.map { .timestamp(microseconds: $0.microseconds) } ?? .null])
    return (0..<rows.count).map { row in
      OutboxStanding(
        tenant: TenantID(rawValue: rows.int64(row, 0)), last: rows.int64(row, 1),
        delivered: rows.int64(row, 2), attempts: Int(rows.int64(row, 3)), expired: rows.int64(row, 4),
        waitingSince: rows.timestampOrNil(row, 5).map { Timestamp(microseconds: $0) })
    }
  }

  /// Takes the delivery of a tenant's notices until `next`: one sender at a time, so that order is kept. Returns
  /// where it stands; `nil`: another has it, or there is nothing to deliver.
  package static func take(
    tenant: TenantID, at now: Timestamp, until next: Timestamp, in tx: borrowing Transaction
  ) throws -> (delivered: Int64, attempts: Int)? {
    let rows = try tx.execute(
      """
      UPDATE deletion_outbox SET attempts = attempts + 1, next_at = $3
      WHERE tenant_id = $1 AND next_at <= $2 AND next_sequence - 1 > delivered RETURNING delivered, attempts
      """,
      [
        .int8(tenant.rawValue), .timestamp(microseconds: now.microseconds),
        .timestamp(microseconds: next.microseconds),
      ])
    return rows.count == 0 ? nil : (rows.int64(0, 0), Int(rows.int64(0, 1)))
  }

  package static func postpone(tenant: TenantID, to next: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE deletion_outbox SET next_at = $2 WHERE tenant_id = $1",
      [.int8(tenant.rawValue), .timestamp(microseconds: next.microseconds)])
  }

  /// A receiver has everything up to `sequence`: what was of erased people goes at once.
  package static func acknowledge(
    upTo sequence: Int64, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      UPDATE deletion_outbox SET delivered = greatest(delivered, least($2, next_sequence - 1)), attempts = 0, next_at = $3
      WHERE tenant_id = $1
      """,
      [.int8(tenant.rawValue), .int8(sequence), .timestamp(microseconds: now.microseconds)])
    try removeDelivered(tenant: tenant, in: tx)
  }

  /// Marks what names messages of the person, and takes away what of it is delivered.
  package static func forget(_ subject: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE deletion_notice SET erased = true WHERE tenant_id = $1 AND senders @> ARRAY[$2::bigint]",
      [.int8(tenant.rawValue), .int8(subject.rawValue)])
    try removeDelivered(tenant: tenant, in: tx)
  }

  /// Rows of the person that wait to be delivered.
  package static func waiting(of subject: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws
    -> Int
  {
    Int(
      try tx.execute(
        "SELECT count(*) FROM deletion_notice WHERE tenant_id = $1 AND senders @> ARRAY[$2::bigint]",
        [.int8(tenant.rawValue), .int8(subject.rawValue)]
      ).int64(0, 0))
  }

  /// Takes away the days before `day`, delivered or not. Returns the days whose keys may go.
  package static func sweep(tenant: TenantID, before day: Int32, in tx: borrowing Transaction) throws
    -> [Int32]
  {
    let swept = try tx.execute(
      "SELECT swept_day FROM deletion_outbox WHERE tenant_id = $1 FOR UPDATE", [.int8(tenant.rawValue)])
    guard swept.count > 0, Int32(swept.int64(0, 0)) < day - 1 else { return [] }
    let gone = try tx.execute(
      "DELETE FROM deletion_notice WHERE tenant_id = $1 AND day < $2 RETURNING last_sequence",
      [.int8(tenant.rawValue), .int4(day)])
    let last = (0..<gone.count).map { gone.int64($0, 0) }.max() ?? 0
    try tx.execute(
      """
      UPDATE deletion_outbox SET swept_day = $2, expired = greatest(expired, $3), delivered = greatest(delivered, $3)
      WHERE tenant_id = $1
      """, [.int8(tenant.rawValue), .int4(day - 1), .int8(last)])
    return Array(Int32(swept.int64(0, 0)) + 1..<day)
  }

  private static func removeDelivered(tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      DELETE FROM deletion_notice n USING deletion_outbox o WHERE n.tenant_id = $1 AND o.tenant_id = $1 AND n.erased
        AND n.last_sequence <= o.delivered
      """, [.int8(tenant.rawValue)])
  }

  private static let reserve = """
    INSERT INTO deletion_outbox AS o (tenant_id, next_sequence, next_at, swept_day) VALUES ($1, 1 + $2, $3, $4)
    ON CONFLICT (tenant_id) DO UPDATE SET next_sequence = o.next_sequence + $2
    RETURNING next_sequence - $2
    """
  private static let insert = """
    INSERT INTO deletion_notice (tenant_id, first_sequence, last_sequence, at, day, senders, erased, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    """
  private static let standings = """
    SELECT o.tenant_id, o.next_sequence - 1, o.delivered, o.attempts, o.expired,
      (SELECT min(n.at) FROM deletion_notice n WHERE n.tenant_id = o.tenant_id AND n.last_sequence > o.delivered)
    FROM deletion_outbox o
    WHERE $1::timestamptz IS NULL OR (o.next_at <= $1 AND o.next_sequence - 1 > o.delivered)
    ORDER BY o.tenant_id
    """
}
