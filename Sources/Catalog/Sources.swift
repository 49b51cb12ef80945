package import Model
package import Postgres

/// How far each source was taken in, which events with ids of their own were seen, and receipts.
package enum Sources {
  package static func record(
    source hash: [UInt8], position: Int64, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      record,
      [
        .int8(tenant.rawValue), .bytes(hash), .int8(position), .timestamp(microseconds: now.microseconds),
      ])
  }

  /// Notes the event ids and returns the ordinals of those that were there before.
  package static func seen(_ events: [MessageKey], in tx: borrowing Transaction) throws -> Set<Int> {
    guard !events.isEmpty else { return [] }
    let rows = try tx.execute(seen, [.int8Array(events.map(\.high)), .int8Array(events.map(\.low))])
    let new = Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
    return Set(events.indices.filter { !new.contains(events[$0]) })
  }

  /// Those of the event ids that were noted before.
  package static func known(_ events: [MessageKey], in tx: borrowing Transaction) throws -> Set<MessageKey> {
    guard !events.isEmpty else { return [] }
    let rows = try tx.execute(known, [.int8Array(events.map(\.high)), .int8Array(events.map(\.low))])
    return Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
  }

  /// Takes back what ``seen(_:in:)`` noted in the same transaction.
  package static func unsee(_ events: [MessageKey], in tx: borrowing Transaction) throws {
    guard !events.isEmpty else { return }
    try tx.execute(
      "DELETE FROM event_seen WHERE (route_key, event_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
      [.int8Array(events.map(\.high)), .int8Array(events.map(\.low))])
  }

  /// Moves a receipt forward; returns whether it moved.
  package static func receipt(
    route: RouteKey, conversation: ConversationID, subject: SubjectID, state: Int16, upTo: MessageKey,
    at time: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      receipt,
      [
        .int8(route.rawValue), .int8(conversation.rawValue), .int8(subject.rawValue), .int2(state),
        .int8(upTo.high), .int8(upTo.low), .timestamp(microseconds: time.microseconds),
      ]
    ).affected > 0
  }

  private static let record = """
    INSERT INTO source_position (tenant_id, source_hash, position, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, source_hash) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at
    """
  private static let seen = """
    INSERT INTO event_seen (route_key, event_low) SELECT * FROM unnest($1::bigint[], $2::bigint[])
    ON CONFLICT DO NOTHING RETURNING route_key, event_low
    """
  private static let known = """
    SELECT route_key, event_low FROM event_seen
    WHERE (route_key, event_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
    """
  private static let receipt = """
    INSERT INTO receipt AS r (route_key, conversation_id, subject_id, state, message_high, message_low, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (route_key, conversation_id, subject_id, state) DO UPDATE
    SET message_high = excluded.message_high, message_low = excluded.message_low, at = excluded.at
    WHERE r.at < excluded.at
    """
}
