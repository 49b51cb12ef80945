package import Model
package import Postgres

/// Whether anything in a tenant's calendar month still needs that month's key.
package enum ExpiredPeriods {
  /// Segments of the period that readers still use.
  package static func segments(tenant: TenantID, period: Period, in tx: borrowing Transaction) throws
    -> [String]
  {
    let rows = try tx.execute(segments, [.int8(tenant.rawValue), .int4(period.rawValue)])
    return (0..<rows.count).map { rows.text($0, 0) }
  }

  /// A message of the period that is there still, or a change made in the period to a message that is, whenever
  /// that was sent, or one that waits for its message: their payloads are sealed under the period's key.
  package static func needsKey(tenant: TenantID, period: Period, in tx: borrowing Transaction) throws -> Bool
  {
    let values: [PostgresValue] = [
      .int8(tenant.rawValue), .timestamp(microseconds: period.start.microseconds),
      .timestamp(microseconds: period.end.microseconds),
    ]
    for statement in [messages, waiting, changes] {
      if try tx.execute(statement, values).count > 0 { return true }
    }
    return false
  }

  private static let segments = """
    SELECT segment_id FROM segment WHERE tenant_id = $1 AND period = $2 AND superseded_at IS NULL ORDER BY segment_id
    """
  private static let messages = """
    SELECT 1 FROM message_locator WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 AND state IN (1, 5)
    LIMIT 1
    """
  private static let waiting =
    "SELECT 1 FROM pending_change WHERE tenant_id = $1 AND at >= $2 AND at < $3 LIMIT 1"
  private static let changes = """
    SELECT 1 FROM amendment a JOIN message_locator l ON l.route_key = a.message_high
      AND l.message_low = a.message_low
    WHERE l.tenant_id = $1 AND a.at >= $2 AND a.at < $3 AND l.state IN (1, 5) LIMIT 1
    """
}
