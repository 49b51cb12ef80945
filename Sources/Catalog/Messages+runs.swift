package import Model
package import Postgres

extension Messages {
  /// As ``page(route:conversation:after:before:ascending:limit:in:)``, ascending, and no more than come to `bytesMax`
  /// sealed bytes; the first one comes however large it is.
  package static func page(
    route: RouteKey, conversation: ConversationID, after: MessagePosition, before: MessagePosition,
    limit: Int, bytesMax: Int, in tx: borrowing Transaction
  ) throws -> [HotMessage] {
    rows(
      try tx.execute(
        boundedPage,
        [
          .int8(route.rawValue), .int8(conversation.rawValue),
          .timestamp(microseconds: after.createdAt.microseconds), .int8(after.sequence),
          .timestamp(microseconds: before.createdAt.microseconds), .int8(before.sequence),
          .int8(Int64(limit)), .int8(Int64(bytesMax)),
        ]))
  }

  /// The hot messages of whole conversations with `from <= createdAt < until`, conversation by conversation in the
  /// order given, each in order of position; at most `limit`, and no more than come to `bytesMax` sealed bytes. One
  /// visit for many small ones.
  package static func runs(
    _ places: [(route: RouteKey, conversation: ConversationID)], from: Timestamp, until: Timestamp,
    limit: Int, bytesMax: Int, in tx: borrowing Transaction
  ) throws -> [HotMessage] {
    rows(
      try tx.execute(
        runs,
        [
          .int8Array(places.map(\.route.rawValue)), .int8Array(places.map(\.conversation.rawValue)),
          .timestamp(microseconds: from.microseconds), .timestamp(microseconds: until.microseconds),
          .int8(Int64(limit)), .int8(Int64(bytesMax)),
        ]))
  }

  /// Bytes of the rows before one, of which PostgreSQL knows the lengths without reading them.
  private static func ahead(_ order: String) -> String {
    """
    sum(octet_length(payload)) OVER (ORDER BY \(order) ROWS UNBOUNDED PRECEDING) - octet_length(payload) AS ahead
    """
  }

  private static let boundedPage = """
    SELECT \(columns) FROM (SELECT \(columns), \(ahead("created_at, sequence"))
      FROM (\(select) ORDER BY created_at, sequence LIMIT $7) m) c
    WHERE ahead < $8 ORDER BY created_at, sequence
    """
  // The limit keeps the planner from turning the probes of the index into one scan of the partition.
  private static let runs = """
    SELECT \(columns) FROM (SELECT \(columns), n, \(ahead("n, created_at, sequence"))
      FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS p(route, conversation, n)
      CROSS JOIN LATERAL (SELECT \(columns) FROM message
        WHERE route_key = p.route AND conversation_id = p.conversation AND created_at >= $3 AND created_at < $4
        ORDER BY created_at, sequence LIMIT $5) m) c
    WHERE ahead < $6 ORDER BY n, created_at, sequence LIMIT $5
    """
}
