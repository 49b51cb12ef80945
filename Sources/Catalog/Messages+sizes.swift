package import Model
package import Postgres

extension Messages {
  /// How many bytes messages take up in the hot table, sealed. Those that are not there are missing.
  package static func sizes(of locators: [Locator], in tx: borrowing Transaction) throws -> [MessageKey:
    Int64]
  {
    let times = locators.map(\.position.createdAt)
    guard let first = times.min(), let last = times.max() else { return [:] }
    let rows = try tx.execute(
      sizes,
      [
        .int8Array(locators.map(\.route.rawValue)), .int8Array(locators.map(\.conversation.rawValue)),
        .timestampArray(times.map(\.microseconds)), .int8Array(locators.map(\.position.sequence)),
        .timestamp(microseconds: first.microseconds), .timestamp(microseconds: last.microseconds),
      ])
    return Dictionary(
      (0..<rows.count).map { (locators[Int(rows.int64($0, 0)) - 1].key, rows.int64($0, 1)) }
    ) { first, _ in first }
  }

  // With bounds of time that are parameters by themselves, other partitions are not looked into.
  private static let sizes = """
    SELECT p.number, octet_length(m.payload)::bigint
    FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[])
      WITH ORDINALITY AS p(route, conversation, at, sequence, number)
    CROSS JOIN LATERAL (SELECT payload FROM message
      WHERE route_key = p.route AND conversation_id = p.conversation AND created_at = p.at
        AND sequence = p.sequence AND created_at >= $5 AND created_at <= $6 OFFSET 0) m
    """
}
