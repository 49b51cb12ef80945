package import Model
package import Postgres

/// A hot row with what else the catalogue has of its message.
package struct LocatedMessage: Sendable {
  package let message: HotMessage
  package let locator: Locator?
  /// Edits, deletions or reactions.
  package let isChanged: Bool
}

/// Hot rows at some places, as far as they had room.
package struct BoundedMessages: Sendable {
  /// In the order of the places.
  package fileprivate(set) var messages: [HotMessage] = []
  package fileprivate(set) var changed: [MessageKey] = []
  /// Places of rows that were left out.
  package fileprivate(set) var left: [MessagePlace] = []
}

extension Messages {
  /// As ``at(_:in:)``, with the locators, and whether there are changes: what a page of hits needs, in one visit.
  package static func located(_ places: [MessagePlace], in tx: borrowing Transaction) throws
    -> [LocatedMessage]
  {
    guard !places.isEmpty else { return [] }
    let (arms, values) = arms(places, firstParameter: 1)
    let rows = try tx.execute(
      """
      SELECT \(prefixed("m")), \(Locators.prefixed("l")), EXISTS (SELECT 1 FROM amendment a WHERE \(isOfMessage))
      FROM (\(arms)) m LEFT JOIN LATERAL (SELECT * FROM message_locator
        WHERE route_key = m.message_high AND message_low = m.message_low OFFSET 0) l ON true
      """, values)
    return zip(self.rows(rows), 0..<rows.count).map { message, row in
      LocatedMessage(
        message: message, locator: rows.isNull(row, 7) ? nil : Locators.locator(rows, row, from: 7),
        isChanged: rows.bool(row, 16))
    }
  }

  /// As ``at(_:in:)``, and no more than come to `bytesMax` sealed bytes with their changes; the first one comes however
  /// large it is. PostgreSQL knows the lengths without reading what is long.
  package static func at(_ places: [MessagePlace], bytesMax: Int, in tx: borrowing Transaction) throws
    -> BoundedMessages
  {
    guard !places.isEmpty else { return BoundedMessages() }
    let (arms, values) = arms(places, firstParameter: 2)
    let rows = try tx.execute(
      """
      SELECT \(keys), CASE WHEN ahead < $1 THEN payload END, n, changes FROM (
        SELECT m.*, changes, sum(octet_length(payload) + bytes) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING)
          - octet_length(payload) - bytes AS ahead
        FROM (\(arms)) m CROSS JOIN LATERAL (SELECT count(*) AS changes, coalesce(sum(octet_length(sealed)), 0) AS bytes
          FROM amendment a WHERE \(isOfMessage)) a) w
      ORDER BY n
      """, [.int8(Int64(bytesMax))] + values)
    var found = BoundedMessages()
    for row in 0..<rows.count {
      guard !rows.isNull(row, 6) else {
        found.left.append(places[Int(rows.int64(row, 7))])
        continue
      }
      let message = message(rows, row)
      found.messages.append(message)
      if rows.int64(row, 8) > 0 { found.changed.append(message.key) }
    }
    return found
  }

  /// The places' rows with their number among them, as `n`, by partition as in ``at(_:in:)``.
  private static func arms(_ places: [MessagePlace], firstParameter first: Int) -> (
    sql: String, values: [PostgresValue]
  ) {
    let months = Dictionary(grouping: places.enumerated()) {
      Period(containing: $0.element.position.createdAt)
    }.sorted { $0.key < $1.key }
    let values = months.flatMap { period, places -> [PostgresValue] in
      [
        .int8Array(places.map(\.element.route.rawValue)),
        .int8Array(places.map(\.element.conversation.rawValue)),
        .timestampArray(places.map(\.element.position.createdAt.microseconds)),
        .int8Array(places.map(\.element.position.sequence)), .int8Array(places.map { Int64($0.offset) }),
        .timestamp(microseconds: period.start.microseconds),
        .timestamp(microseconds: period.end.microseconds),
      ]
    }
    let arms = months.indices.map { arm(firstParameter: first + $0 * 7) }
    return (arms.joined(separator: " UNION ALL "), values)
  }

  private static func arm(firstParameter n: Int) -> String {
    """
    SELECT route_key, \(columns), n FROM unnest($\(n)::bigint[], $\(n + 1)::bigint[], $\(n + 2)::timestamptz[],
      $\(n + 3)::bigint[], $\(n + 4)::bigint[]) AS p(route, conversation, at, number, n)
    CROSS JOIN LATERAL (SELECT route_key, \(columns) FROM message
      WHERE route_key = p.route AND conversation_id = p.conversation AND created_at = p.at AND sequence = p.number
        AND created_at >= $\(n + 5) AND created_at < $\(n + 6) OFFSET 0) r
    """
  }

  private static let keys = "message_high, message_low, created_at, sequence, conversation_id, sender_id"
  private static func prefixed(_ alias: String) -> String {
    columns.split(separator: ", ").map { "\(alias).\($0)" }.joined(separator: ", ")
  }
  private static let isOfMessage = """
    a.route_key = m.route_key AND a.conversation_id = m.conversation_id AND a.message_high = m.message_high
      AND a.message_low = m.message_low
    """
}
