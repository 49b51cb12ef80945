package import Model
package import Postgres

/// A hot row, its payload still sealed.
package struct HotMessage: Sendable {
  package let key: MessageKey
  package let position: MessagePosition
  package let conversation: ConversationID
  package let sender: SubjectID
  package let sealed: [UInt8]

  package init(
    key: MessageKey, position: MessagePosition, conversation: ConversationID, sender: SubjectID,
    sealed: [UInt8]
  ) {
    self.key = key
    self.position = position
    self.conversation = conversation
    self.sender = sender
    self.sealed = sealed
  }
}

package enum Messages {
  /// Hot messages of one conversation between two positions (exclusive), in order.
  package static func page(
    route: RouteKey, conversation: ConversationID, after: MessagePosition, before: MessagePosition,
    ascending: Bool, limit: Int, in tx: borrowing Transaction
  ) throws -> [HotMessage] {
    let order = ascending ? "ASC" : "DESC"
    return rows(
      try tx.execute(
        select + " ORDER BY created_at \(order), sequence \(order) LIMIT $7",
        [
          .int8(route.rawValue), .int8(conversation.rawValue),
          .timestamp(microseconds: after.createdAt.microseconds),
          .int8(after.sequence), .timestamp(microseconds: before.createdAt.microseconds),
          .int8(before.sequence),
          .int8(Int64(limit)),
        ]))
  }

  /// The hot rows at known places, in any order. Places of one partition are asked for together, with its bounds as
  /// parameters, so that the planner looks at that partition only: planning over all months of a wide span took longer
  /// than reading.
  package static func at(_ places: [MessagePlace], in tx: borrowing Transaction) throws -> [HotMessage] {
    let months = Dictionary(grouping: places) { Period(containing: $0.position.createdAt) }
      .sorted { $0.key < $1.key }
    guard !months.isEmpty else { return [] }
    let values = months.flatMap { period, places -> [PostgresValue] in
      [
        .int8Array(places.map(\.route.rawValue)), .int8Array(places.map(\.conversation.rawValue)),
        .timestampArray(places.map(\.position.createdAt.microseconds)),
        .int8Array(places.map(\.position.sequence)), .timestamp(microseconds: period.start.microseconds),
        .timestamp(microseconds: period.end.microseconds),
      ]
    }
    let arms = months.indices.map { at(firstParameter: $0 * 6 + 1) }
    return rows(try tx.execute(arms.joined(separator: " UNION ALL "), values))
  }

  /// Conversations that have hot rows of a tenant in a span of time, with their counts.
  package static func conversations(
    tenant: TenantID, from: Timestamp, until: Timestamp, in tx: borrowing Transaction
  ) throws -> [(conversation: ConversationID, route: RouteKey, count: Int)] {
    let rows = try tx.execute(
      conversations,
      [
        .int8(tenant.rawValue), .timestamp(microseconds: from.microseconds),
        .timestamp(microseconds: until.microseconds),
      ])
    return (0..<rows.count).map {
      (
        ConversationID(rawValue: rows.int64($0, 0)), RouteKey(rawValue: rows.int64($0, 1)),
        Int(rows.int64($0, 2))
      )
    }
  }

  /// Oldest and newest hot message of a tenant before a point in time, and how many there are.
  package static func span(tenant: TenantID, before: Timestamp, in tx: borrowing Transaction) throws
    -> (first: Timestamp, last: Timestamp, count: Int)?
  {
    let rows = try tx.execute(
      "SELECT min(created_at), max(created_at), count(*) FROM message WHERE tenant_id = $1 AND created_at < $2",
      [.int8(tenant.rawValue), .timestamp(microseconds: before.microseconds)])
    guard let first = rows.timestampOrNil(0, 0), let last = rows.timestampOrNil(0, 1) else { return nil }
    return (Timestamp(microseconds: first), Timestamp(microseconds: last), Int(rows.int64(0, 2)))
  }

  /// Brings rows of a route back into the hot table, at the places they had, but for those whose messages are deleted,
  /// expired or erased. That is asked with the lock a deletion has to wait for, so that it finds the row.
  /// - Returns: how many rows came back.
  package static func restore(
    _ rows: [HotMessage], route: RouteKey, tenant: TenantID, in tx: borrowing Transaction
  ) throws -> Int {
    guard !rows.isEmpty else { return 0 }
    return try tx.execute(
      restore,
      [
        .int8(tenant.rawValue), .int8(route.rawValue), .int8Array(rows.map(\.conversation.rawValue)),
        .timestampArray(rows.map(\.position.createdAt.microseconds)),
        .int8Array(rows.map(\.position.sequence)), .int8Array(rows.map(\.key.high)),
        .int8Array(rows.map(\.key.low)), .int8Array(rows.map(\.sender.rawValue)),
        .bytesArray(rows.map(\.sealed)),
      ]
    ).affected
  }

  /// Takes hot rows away whose sealed copies are in the archive now.
  package static func removeHot(
    _ positions: [(route: RouteKey, conversation: ConversationID, position: MessagePosition)],
    in tx: borrowing Transaction
  ) throws -> Int {
    guard let first = positions.map(\.position.createdAt).min(),
      let last = positions.map(\.position.createdAt).max()
    else { return 0 }
    return try tx.execute(
      removeHot,
      [
        .int8Array(positions.map(\.route.rawValue)), .int8Array(positions.map(\.conversation.rawValue)),
        .timestampArray(positions.map(\.position.createdAt.microseconds)),
        .int8Array(positions.map(\.position.sequence)),
        .timestamp(microseconds: first.microseconds), .timestamp(microseconds: last.microseconds),
      ]
    ).affected
  }

  package static func countHot(tenant: TenantID?, in tx: borrowing Transaction) throws -> Int {
    Int(
      try tx.execute(
        "SELECT count(*) FROM message WHERE $1::bigint IS NULL OR tenant_id = $1",
        [tenant.map { .int8($0.rawValue) } ?? .null]
      ).int64(0, 0))
  }

  static func rows(_ rows: PostgresRows) -> [HotMessage] { (0..<rows.count).map { message(rows, $0) } }

  static func message(_ rows: PostgresRows, _ row: Int) -> HotMessage {
    HotMessage(
      key: MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1)),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: rows.timestamp(row, 2)), sequence: rows.int64(row, 3)),
      conversation: ConversationID(rawValue: rows.int64(row, 4)),
      sender: SubjectID(rawValue: rows.int64(row, 5)),
      sealed: rows.bytes(row, 6))
  }

  static let columns = "message_high, message_low, created_at, sequence, conversation_id, sender_id, payload"
  // The plain bounds on created_at let the planner prune partitions; the row comparisons cut exactly.
  static let select = """
    SELECT \(columns) FROM message
    WHERE route_key = $1 AND conversation_id = $2 AND created_at >= $3 AND created_at <= $5
      AND (created_at, sequence) > ($3, $4) AND (created_at, sequence) < ($5, $6)
    """
  /// The lateral form makes PostgreSQL probe the index once a place.
  private static func at(firstParameter n: Int) -> String {
    """
    SELECT \(columns) FROM unnest($\(n)::bigint[], $\(n + 1)::bigint[], $\(n + 2)::timestamptz[], $\(n + 3)::bigint[])
      AS p(route, conversation, at, number)
    CROSS JOIN LATERAL (SELECT \(columns) FROM message
      WHERE route_key = p.route AND conversation_id = p.conversation AND created_at = p.at AND sequence = p.number
        AND created_at >= $\(n + 4) AND created_at < $\(n + 5) OFFSET 0) m
    """
  }
  private static let conversations = """
    SELECT conversation_id, route_key, count(*) FROM message
    WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3
    GROUP BY route_key, conversation_id ORDER BY route_key, conversation_id
    """
  private static let restore = """
    INSERT INTO message (tenant_id, route_key, conversation_id, created_at, sequence, message_high, message_low,
      sender_id, payload)
    SELECT $1, $2, n.conversation, n.at, n.sequence, n.high, n.low, n.sender, n.payload
    FROM unnest($3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[])
      AS n(conversation, at, sequence, high, low, sender, payload)
    CROSS JOIN LATERAL (SELECT 1 FROM message_locator WHERE route_key = n.high AND message_low = n.low
      AND tenant_id = $1 AND state IN (1, 5) FOR SHARE) l
    ON CONFLICT DO NOTHING
    """
  // The bounds say nothing new, and keep PostgreSQL from looking into every partition for every row.
  private static let removeHot = """
    DELETE FROM message m USING unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[])
      AS n(route, conversation, at, sequence)
    WHERE m.route_key = n.route AND m.conversation_id = n.conversation AND m.created_at = n.at
      AND m.sequence = n.sequence AND m.created_at BETWEEN $5 AND $6
    """
}
