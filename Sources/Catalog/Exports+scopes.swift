package import Model
package import Postgres

/// Packages that may hold what an erasure of less than a person took away: those that name an author of any of it.
extension Exports {
  /// Withdraws those that were begun up to a moment; returns how many. The files are still there when this returns.
  package static func withdraw(
    holdingErased scope: ErasureScope, by subject: SubjectID?, tenant: TenantID, madeUpTo until: Timestamp,
    at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Int {
    try tx.execute(
      "UPDATE export e SET state = 'withdrawn', finished_at = $7 WHERE \(holdsErased)",
      values(scope, subject, tenant, until) + [.timestamp(microseconds: now.microseconds)]
    ).affected
  }

  /// How many are not withdrawn.
  package static func count(
    holdingErased scope: ErasureScope, by subject: SubjectID?, tenant: TenantID, madeUpTo until: Timestamp,
    in tx: borrowing Transaction
  ) throws -> Int {
    Int(
      try tx.execute(
        "SELECT count(*) FROM export e WHERE \(holdsErased)", values(scope, subject, tenant, until)
      ).int64(0, 0))
  }

  /// Those that are withdrawn, were never handed over, and whose files are not known to be gone.
  package static func withdrawn(
    holdingErased scope: ErasureScope, by subject: SubjectID?, tenant: TenantID, madeUpTo until: Timestamp,
    limit: Int, in tx: borrowing Transaction
  ) throws -> [Int64] {
    let rows = try tx.execute(
      withdrawnErased, values(scope, subject, tenant, until) + [.int8(Int64(limit))])
    return (0..<rows.count).map { rows.int64($0, 0) }
  }

  private static func values(
    _ scope: ErasureScope, _ subject: SubjectID?, _ tenant: TenantID, _ until: Timestamp
  ) -> [PostgresValue] {
    var key: MessageKey?
    if case .message(let message) = scope { key = message }
    return [
      .int8(tenant.rawValue), .timestamp(microseconds: until.microseconds),
      scope.conversation.map { .int8($0.id.rawValue) } ?? .null,
      subject.map { .int8($0.rawValue) } ?? .null, key.map { .int8($0.high) } ?? .null,
      key.map { .int8($0.low) } ?? .null,
    ]
  }

  private static let withdrawnErased = """
    SELECT e.export_id FROM export e WHERE e.state = 'withdrawn' AND e.sealed <> ''
      AND (e.manifest_hash IS NULL OR e.inside_home) AND \(hasErased)
    ORDER BY e.created_at, e.export_id LIMIT $7
    """
  private static let holdsErased =
    "e.state IN ('running', 'completed', 'cancelled') AND \(hasErased)"
  private static let hasErased = """
    e.tenant_id = $1 AND e.created_at <= $2
      AND EXISTS (SELECT 1 FROM export_subject s JOIN message_locator l ON l.sender_id = s.subject_id
        WHERE s.export_id = e.export_id AND l.state = 4 AND ($3::bigint IS NULL OR l.conversation_id = $3)
          AND ($4::bigint IS NULL OR l.sender_id = $4)
          AND ($5::bigint IS NULL OR (l.route_key = $5 AND l.message_low = $6)))
    """
}
