package import Model
package import Postgres

/// What the catalogue knows of every message, hot or cold.
package struct Locator: Sendable, Hashable {
  package enum State: Int16, Sendable {
    case live = 1, deleted, expired, erased, restricted

    package var name: String {
      switch self {
      case .live: "live"
      case .deleted: "deleted"
      case .expired: "expired"
      case .erased: "erased"
      case .restricted: "restricted"
      }
    }
  }

  package let key: MessageKey
  package let tenant: TenantID
  package let route: RouteKey
  package let conversation: ConversationID
  package let sender: SubjectID
  package let position: MessagePosition
  package let state: State
}

/// Where a message is to be looked for.
package struct MessagePlace: Sendable, Hashable {
  package let tenant: TenantID
  package let route: RouteKey
  package let conversation: ConversationID
  package let position: MessagePosition

  package init(tenant: TenantID, route: RouteKey, conversation: ConversationID, position: MessagePosition) {
    self.tenant = tenant
    self.route = route
    self.conversation = conversation
    self.position = position
  }
}

extension Locator {
  /// Seen by readers or kept for a matter or a duty; otherwise the message is gone.
  package var isThere: Bool { state == .live || state == .restricted }

  package var place: MessagePlace {
    MessagePlace(tenant: tenant, route: route, conversation: conversation, position: position)
  }
}

package enum Locators {
  package static func find(_ keys: [MessageKey], in tx: borrowing Transaction) throws -> [MessageKey: Locator]
  {
    guard !keys.isEmpty else { return [:] }
    let rows = try tx.execute(
      """
      SELECT \(prefixed("l")) FROM unnest($1::bigint[], $2::bigint[]) AS n(high, low)
      CROSS JOIN LATERAL (SELECT * FROM message_locator WHERE route_key = n.high AND message_low = n.low OFFSET 0) l
      """,
      [.int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    return Dictionary(
      (0..<rows.count).map { row in
        let locator = locator(rows, row, from: 0)
        return (locator.key, locator)
      }, uniquingKeysWith: { first, _ in first })
  }

  package static func find(_ key: MessageKey, in tx: borrowing Transaction) throws -> Locator? {
    try find([key], in: tx)[key]
  }

  /// How many messages are there, live or restricted, counted up to `limit`.
  package static func countThere(tenant: TenantID, upTo limit: Int, in tx: borrowing Transaction) throws
    -> Int
  {
    Int(
      try tx.execute(
        """
        SELECT count(*) FROM (SELECT 1 FROM message_locator WHERE tenant_id = $1 AND state IN (1, 5) LIMIT $2) l
        """,
        [.int8(tenant.rawValue), .int8(Int64(limit))]
      ).int64(0, 0))
  }

  /// Live messages of a sender, in key order after `cursor`.
  package static func bySender(
    _ sender: SubjectID, states: [Locator.State], after cursor: MessageKey?, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [Locator] {
    let rows = try tx.execute(
      """
      SELECT \(prefixed("l")) FROM message_locator l WHERE l.sender_id = $1 AND l.state = ANY($2)
        AND (l.route_key, l.message_low) > ($3, $4) ORDER BY l.route_key, l.message_low LIMIT $5
      """,
      [
        .int8(sender.rawValue), .int2Array(states.map(\.rawValue)), .int8(cursor?.high ?? Int64.min),
        .int8(cursor?.low ?? Int64.min), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { locator(rows, $0, from: 0) }
  }

  /// The routes of all conversations the sender ever wrote in, whatever became of the messages.
  package static func routes(ofSender sender: SubjectID, in tx: borrowing Transaction) throws -> [RouteKey] {
    let rows = try tx.execute(
      "SELECT DISTINCT conversation_route FROM message_locator WHERE sender_id = $1", [.int8(sender.rawValue)]
    )
    return (0..<rows.count).map { RouteKey(rawValue: rows.int64($0, 0)) }
  }

  /// All messages of a tenant (or every tenant), in key order after `cursor`; for rebuilds and sweeps.
  package static func scan(
    tenant: TenantID?, states: [Locator.State], createdBefore: Timestamp? = nil, after cursor: MessageKey?,
    limit: Int, in tx: borrowing Transaction
  ) throws -> [Locator] {
    let rows = try tx.execute(
      """
      SELECT \(prefixed("l")) FROM message_locator l WHERE ($1::bigint IS NULL OR l.tenant_id = $1)
        AND l.state = ANY($2) AND ($3::timestamptz IS NULL OR l.created_at < $3)
        AND (l.route_key, l.message_low) > ($4, $5) ORDER BY l.route_key, l.message_low LIMIT $6
      """,
      [
        tenant.map { .int8($0.rawValue) } ?? .null, .int2Array(states.map(\.rawValue)),
        createdBefore.map { .timestamp(microseconds: $0.microseconds) } ?? .null,
        .int8(cursor?.high ?? Int64.min), .int8(cursor?.low ?? Int64.min), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { locator(rows, $0, from: 0) }
  }

  static func prefixed(_ alias: String) -> String {
    [
      "route_key", "message_low", "tenant_id", "conversation_route", "conversation_id", "sender_id",
      "created_at",
      "sequence", "state",
    ].map { "\(alias).\($0)" }.joined(separator: ", ")
  }

  static func locator(_ rows: PostgresRows, _ row: Int, from column: Int) -> Locator {
    Locator(
      key: MessageKey(high: rows.int64(row, column), low: rows.int64(row, column + 1)),
      tenant: TenantID(rawValue: rows.int64(row, column + 2)),
      route: RouteKey(rawValue: rows.int64(row, column + 3)),
      conversation: ConversationID(rawValue: rows.int64(row, column + 4)),
      sender: SubjectID(rawValue: rows.int64(row, column + 5)),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: rows.timestamp(row, column + 6)),
        sequence: rows.int64(row, column + 7)),
      state: Locator.State(rawValue: Int16(rows.int64(row, column + 8))) ?? .erased)
  }
}
