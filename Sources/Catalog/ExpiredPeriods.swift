package import Model
package import Postgres

/// Whether anything in a tenant's calendar month still needs that month's key.
package enum ExpiredPeriods {
  /// What keeps a month's key.
  package enum Need: String, Sendable {
    /// A message of the month that is there still: for readers, for a hold or for a floor.
    case message
    /// A change made in the month that waits for its message.
    case waiting
    /// A change made in the month to a message that is there, whenever that was sent; its content may lie in the
    /// segment of the message.
    case change
    /// A hot row of the month, though its message is gone. There is none unless something went wrong.
    case row
  }

  /// Segments of the period that readers still use.
  package static func segments(tenant: TenantID, period: Period, in tx: borrowing Transaction) throws
    -> [String]
  {
    let rows = try tx.execute(segments, [.int8(tenant.rawValue), .int4(period.rawValue)])
    return (0..<rows.count).map { rows.text($0, 0) }
  }

  /// The first thing that needs the key; `nil`: nothing does. Whoever destroys it asks after locking it: what is stored
  /// under it locks it too.
  package static func need(tenant: TenantID, period: Period, in tx: borrowing Transaction) throws -> Need? {
    let values: [PostgresValue] = [
      .int8(tenant.rawValue), .timestamp(microseconds: period.start.microseconds),
      .timestamp(microseconds: period.end.microseconds),
    ]
    return try needs.first { _, statement in try tx.execute(statement, values).count > 0 }?.need
  }

  // In this order: a change that waited becomes one to a message.
  private static let needs: [(need: Need, statement: String)] = [
    (.message, messages), (.waiting, waiting), (.change, changes), (.row, rows),
  ]

  private static let segments = """
    SELECT segment_id FROM segment WHERE tenant_id = $1 AND period = $2 AND superseded_at IS NULL ORDER BY segment_id
    """
  private static let messages = """
    SELECT 1 FROM message_locator WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 AND state IN (1, 5)
    LIMIT 1
    """
  private static let waiting =
    "SELECT 1 FROM pending_change WHERE tenant_id = $1 AND at >= $2 AND at < $3 LIMIT 1"
  // The record of a deletion stays when its message has gone, and says nothing under its seal.
  private static let changes = """
    SELECT 1 FROM amendment a JOIN message_locator l ON l.route_key = a.message_high
      AND l.message_low = a.message_low
    WHERE l.tenant_id = $1 AND a.at >= $2 AND a.at < $3 AND (l.state IN (1, 5) OR a.kind <> 2) LIMIT 1
    """
  private static let rows =
    "SELECT 1 FROM message WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 LIMIT 1"
}
