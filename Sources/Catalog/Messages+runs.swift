package import Model
package import Postgres

extension Messages {
  /// The hot messages of whole conversations with `from <= createdAt < until`, conversation by conversation in the
  /// order given, each in order of position. One visit for many small ones.
  package static func runs(
    _ places: [(route: RouteKey, conversation: ConversationID)], from: Timestamp, until: Timestamp,
    in tx: borrowing Transaction
  ) throws -> [HotMessage] {
    rows(
      try tx.execute(
        runs,
        [
          .int8Array(places.map(\.route.rawValue)), .int8Array(places.map(\.conversation.rawValue)),
          .timestamp(microseconds: from.microseconds), .timestamp(microseconds: until.microseconds),
        ]))
  }

  // OFFSET 0 keeps the planner from turning the probes of the index into one scan of the partition.
  private static let runs = """
    SELECT \(columns) FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS p(route, conversation, n)
    CROSS JOIN LATERAL (SELECT \(columns) FROM message
      WHERE route_key = p.route AND conversation_id = p.conversation AND created_at >= $3 AND created_at < $4
      OFFSET 0) m
    ORDER BY p.n, created_at, sequence
    """
}
