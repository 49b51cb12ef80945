package import Model
package import Postgres

extension Preservations {
  package static func store(_ copies: [PreservedCopy], tenant: TenantID, in tx: borrowing Transaction) throws
  {
    guard !copies.isEmpty else { return }
    try tx.execute(
      store,
      [
        .int8(tenant.rawValue), .int8Array(copies.map(\.route.rawValue)),
        .int8Array(copies.map(\.conversation.rawValue)),
        .timestampArray(copies.map(\.position.createdAt.microseconds)),
        .int8Array(copies.map(\.position.sequence)), .int8Array(copies.map(\.preservation)),
        .int8Array(copies.map(\.key.high)), .int8Array(copies.map(\.key.low)),
        .timestampArray(copies.map { ($0.until ?? .latest).microseconds }), .bytesArray(copies.map(\.sealed)),
      ])
  }

  /// All copies of the messages, by message and ground.
  package static func copies(of keys: [MessageKey], in tx: borrowing Transaction) throws -> [PreservedCopy] {
    guard !keys.isEmpty else { return [] }
    return copies(
      try tx.execute(
        columns + " WHERE (message_high, message_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))"
          + " ORDER BY message_high, message_low, preservation_id",
        [.int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))]))
  }

  /// The copies at known places.
  package static func copies(at places: [MessagePlace], in tx: borrowing Transaction) throws
    -> [PreservedCopy]
  {
    guard !places.isEmpty else { return [] }
    return copies(
      try tx.execute(
        columns + " WHERE (route_key, conversation_id, created_at, sequence) IN"
          + " (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[]))",
        [
          .int8Array(places.map(\.route.rawValue)), .int8Array(places.map(\.conversation.rawValue)),
          .timestampArray(places.map(\.position.createdAt.microseconds)),
          .int8Array(places.map(\.position.sequence)),
        ]))
  }

  /// Copies of one conversation between two positions (exclusive), in order. A message has one for each ground.
  package static func page(
    route: RouteKey, conversation: ConversationID, after: MessagePosition, before: MessagePosition,
    ascending: Bool, limit: Int, in tx: borrowing Transaction
  ) throws -> [PreservedCopy] {
    let order = ascending ? "ASC" : "DESC"
    return copies(
      try tx.execute(
        columns + page + " ORDER BY created_at \(order), sequence \(order), preservation_id LIMIT $7",
        [
          .int8(route.rawValue), .int8(conversation.rawValue),
          .timestamp(microseconds: after.createdAt.microseconds), .int8(after.sequence),
          .timestamp(microseconds: before.createdAt.microseconds), .int8(before.sequence),
          .int8(Int64(limit)),
        ]))
  }

  /// Messages of which the erasure keeps copies, in the order of their keys.
  package static func messages(
    erasure: Int64, after cursor: MessageKey?, limit: Int, in tx: borrowing Transaction
  ) throws -> [MessageKey] {
    let rows = try tx.execute(
      messages,
      [
        .int8(erasure), .int8(cursor?.high ?? Int64.min), .int8(cursor?.low ?? Int64.min),
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) }
  }

  /// Removes all copies of the messages.
  package static func removeCopies(of keys: [MessageKey], in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      DELETE FROM preserved_copy
      WHERE (message_high, message_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
      """, [.int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
  }

  package static func removeCopies(
    _ copies: [(preservation: Int64, key: MessageKey)], in tx: borrowing Transaction
  ) throws {
    guard !copies.isEmpty else { return }
    try tx.execute(
      """
      DELETE FROM preserved_copy WHERE (preservation_id, message_high, message_low) IN
        (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]))
      """,
      [
        .int8Array(copies.map(\.preservation)), .int8Array(copies.map(\.key.high)),
        .int8Array(copies.map(\.key.low)),
      ])
  }

  /// How many messages each ground of an erasure keeps, and when the last of its floors ends.
  package static func remains(erasure: Int64, in tx: borrowing Transaction) throws
    -> [(hold: Int64?, silent: Bool, messages: Int, until: Timestamp?)]
  {
    let rows = try tx.execute(remains, [.int8(erasure)])
    return (0..<rows.count).map { row in
      let until = rows.timestampOrNil(row, 3).map { Timestamp(microseconds: $0) }
      return (
        rows.int64(row, 0) == 0 ? nil : rows.int64(row, 0), rows.bool(row, 1), Int(rows.int64(row, 2)),
        until == .latest ? nil : until
      )
    }
  }

  /// Messages of the subject that are there and of which no copy is kept.
  package static func uncopied(_ subject: SubjectID, in tx: borrowing Transaction) throws -> Int {
    Int(try tx.execute(uncopied, [.int8(subject.rawValue)]).int64(0, 0))
  }

  private static func copies(_ rows: PostgresRows) -> [PreservedCopy] {
    (0..<rows.count).map { row in
      let until = rows.timestampOrNil(row, 7).map { Timestamp(microseconds: $0) }
      return PreservedCopy(
        preservation: rows.int64(row, 0),
        key: MessageKey(high: rows.int64(row, 1), low: rows.int64(row, 2)),
        route: RouteKey(rawValue: rows.int64(row, 3)),
        conversation: ConversationID(rawValue: rows.int64(row, 4)),
        position: MessagePosition(
          createdAt: Timestamp(microseconds: rows.timestamp(row, 5)), sequence: rows.int64(row, 6)),
        until: until == .latest ? nil : until, sealed: rows.bytes(row, 8))
    }
  }

  private static let columns = """
    SELECT preservation_id, message_high, message_low, route_key, conversation_id, created_at, sequence, until, sealed
    FROM preserved_copy
    """
  private static let page = """
     WHERE route_key = $1 AND conversation_id = $2
      AND (created_at, sequence) > ($3, $4) AND (created_at, sequence) < ($5, $6)
    """
  private static let store = """
    INSERT INTO preserved_copy (tenant_id, route_key, conversation_id, created_at, sequence, preservation_id,
      message_high, message_low, until, sealed)
    SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
      $8::bigint[], $9::timestamptz[], $10::bytea[])
    ON CONFLICT DO NOTHING
    """
  private static let messages = """
    SELECT DISTINCT c.message_high, c.message_low FROM preserved_copy c
    JOIN preservation p ON p.preservation_id = c.preservation_id
    WHERE p.erasure_id = $1 AND (c.message_high, c.message_low) > ($2, $3)
    ORDER BY c.message_high, c.message_low LIMIT $4
    """
  private static let remains = """
    SELECT p.hold_id, coalesce(h.silent, false), count(*), max(c.until) FROM preservation p
    JOIN preserved_copy c ON c.preservation_id = p.preservation_id LEFT JOIN hold h ON h.hold_id = p.hold_id
    WHERE p.erasure_id = $1 GROUP BY p.hold_id, h.silent ORDER BY p.hold_id
    """
  private static let uncopied = """
    SELECT count(*) FROM message_locator l WHERE l.sender_id = $1 AND l.state IN (1, 5)
      AND NOT EXISTS (SELECT 1 FROM preserved_copy c WHERE c.message_high = l.route_key
        AND c.message_low = l.message_low)
    """
}
