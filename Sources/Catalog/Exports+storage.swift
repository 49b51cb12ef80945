package import Model
package import Postgres

/// How many messages, and the bytes they take up as they are stored: sealed, and compressed where that helps.
package struct StoredMessages: Sendable, Hashable {
  package var messages: Int
  package var bytes: Int64

  package init(messages: Int = 0, bytes: Int64 = 0) {
    self.messages = messages
    self.bytes = bytes
  }
}

extension Exports {
  /// The hot messages of a filter in these states.
  package static func hot(
    _ filter: ExportFilter, states: Set<Locator.State>, in tx: borrowing Transaction
  ) throws -> StoredMessages {
    stored(
      try tx.execute(
        hot, filter.values + filter.bounds + [.int8Array(states.map { Int64($0.rawValue) })]))
  }

  /// Everything in a tenant's segments, of the months that a span of time touches. Blocks and their directory count.
  package static func archived(
    tenant: TenantID, from: Timestamp?, to: Timestamp?, in tx: borrowing Transaction
  ) throws -> StoredMessages {
    let months = [from, to].map { time in time.map { Period(containing: $0).rawValue } }
    return stored(
      try tx.execute(
        archived, [.int8(tenant.rawValue)] + months.map { $0.map { .int4($0) } ?? .null }))
  }

  private static func stored(_ rows: PostgresRows) -> StoredMessages {
    StoredMessages(messages: Int(rows.int64(0, 0)), bytes: rows.int64(0, 1))
  }

  private static let hot = """
    SELECT count(*), coalesce(sum(octet_length(m.payload)), 0)::bigint
    FROM message_locator l JOIN message m ON m.route_key = l.conversation_route
      AND m.conversation_id = l.conversation_id AND m.created_at = l.created_at AND m.sequence = l.sequence
    WHERE \(selected) AND l.state = ANY($9)
    """
  private static let archived = """
    SELECT coalesce(sum(message_count), 0)::bigint, coalesce(sum(byte_count), 0)::bigint FROM segment
    WHERE tenant_id = $1 AND superseded_at IS NULL AND ($2::integer IS NULL OR period >= $2)
      AND ($3::integer IS NULL OR period <= $3)
    """
}
