package import Model
package import Postgres

/// What an erasure is about.
package enum ErasureScope: Sendable, Hashable {
  case subject
  case subjectIn(RouteKey, ConversationID)
  case conversation(RouteKey, ConversationID)
  case message(MessageKey)

  package var name: String {
    switch self {
    case .subject: "subject"
    case .subjectIn: "subject_in_conversation"
    case .conversation: "conversation"
    case .message: "message"
    }
  }

  package var conversation: (route: RouteKey, id: ConversationID)? {
    switch self {
    case .subjectIn(let route, let id), .conversation(let route, let id): (route, id)
    case .subject, .message: nil
    }
  }

  /// As a line of the ledger outside the database has it: numbers that name nobody.
  package var text: String {
    switch self {
    case .subject: name
    case .subjectIn(let route, let id), .conversation(let route, let id):
      "\(name):\(route.rawValue):\(id.rawValue)"
    case .message(let key): "\(name):\(key.high):\(key.low)"
    }
  }

  package init?(_ text: String) {
    let parts = text.split(separator: ":")
    let numbers = parts.dropFirst().compactMap { Int64($0) }
    switch (parts.first, numbers.count, parts.count) {
    case ("subject", 0, 1): self = .subject
    case ("subject_in_conversation", 2, 3):
      self = .subjectIn(RouteKey(rawValue: numbers[0]), ConversationID(rawValue: numbers[1]))
    case ("conversation", 2, 3):
      self = .conversation(RouteKey(rawValue: numbers[0]), ConversationID(rawValue: numbers[1]))
    case ("message", 2, 3): self = .message(MessageKey(high: numbers[0], low: numbers[1]))
    default: return nil
    }
  }

  var values: [PostgresValue] {
    var key: MessageKey?
    if case .message(let message) = self { key = message }
    return [
      .text(name), conversation.map { .int8($0.route.rawValue) } ?? .null,
      conversation.map { .int8($0.id.rawValue) } ?? .null, key.map { .int8($0.high) } ?? .null,
      key.map { .int8($0.low) } ?? .null,
    ]
  }

  init(_ rows: PostgresRows, _ row: Int, from column: Int) {
    switch rows.text(row, column) {
    case "subject_in_conversation":
      self = .subjectIn(
        RouteKey(rawValue: rows.int64(row, column + 1)), ConversationID(rawValue: rows.int64(row, column + 2))
      )
    case "conversation":
      self = .conversation(
        RouteKey(rawValue: rows.int64(row, column + 1)), ConversationID(rawValue: rows.int64(row, column + 2))
      )
    case "message":
      self = .message(MessageKey(high: rows.int64(row, column + 3), low: rows.int64(row, column + 4)))
    default: self = .subject
    }
  }
}

extension Erasures {
  /// Hot rows of a conversation that are of erased messages; of one message only, or of one author only, if asked.
  package static func erasedHotRows(
    route: RouteKey, conversation: ConversationID, sender: SubjectID?, message: MessageKey?,
    in tx: borrowing Transaction
  ) throws -> Int {
    Int(
      try tx.execute(
        erasedHotRows,
        [
          .int8(route.rawValue), .int8(conversation.rawValue), sender.map { .int8($0.rawValue) } ?? .null,
          message.map { .int8($0.high) } ?? .null, message.map { .int8($0.low) } ?? .null,
        ]
      ).int64(0, 0))
  }

  /// Whether an active hold names the conversation, and with it what is yet to be said there.
  package static func isNamedByHold(_ conversation: ConversationID, in tx: borrowing Transaction) throws
    -> Bool
  {
    try tx.execute(
      "SELECT 1 FROM hold WHERE released_at IS NULL AND conversations @> ARRAY[$1::bigint] LIMIT 1",
      [.int8(conversation.rawValue)]
    ).count > 0
  }

  /// Whether the conversation has hot messages that are not gone. What is archived is walked over before.
  package static func hasMessages(
    route: RouteKey, conversation: ConversationID, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(hotMessages, [.int8(route.rawValue), .int8(conversation.rawValue)]).count > 0
  }

  private static let hotMessages = """
    SELECT 1 FROM message m JOIN message_locator l ON l.route_key = m.message_high AND l.message_low = m.message_low
    WHERE m.route_key = $1 AND m.conversation_id = $2 AND l.state IN (1, 5) LIMIT 1
    """
  private static let erasedHotRows = """
    SELECT count(*) FROM message m JOIN message_locator l
      ON l.route_key = m.message_high AND l.message_low = m.message_low
    WHERE m.route_key = $1 AND m.conversation_id = $2 AND l.state = 4
      AND ($3::bigint IS NULL OR m.sender_id = $3)
      AND ($4::bigint IS NULL OR (m.message_high = $4 AND m.message_low = $5))
    """
}

extension Amendments {
  /// What the author did to the messages, deletions excepted. Returns how many changes went.
  package static func remove(by author: SubjectID, of keys: [MessageKey], in tx: borrowing Transaction) throws
    -> Int
  {
    guard !keys.isEmpty else { return 0 }
    return try tx.execute(
      """
      DELETE FROM amendment WHERE author_id = $1 AND kind <> 2
        AND (message_high, message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
      """,
      [.int8(author.rawValue), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))]
    ).affected
  }
}

extension Deletions {
  /// Hides messages that an erasure has to leave for a hold or a locked floor, where they are: nobody's key goes, so
  /// that they need no copies. They are erased when nothing keeps them any more.
  package static func hide(_ locators: [Locator], in tx: borrowing Transaction) throws {
    try setState(.restricted, locators.map(\.key), in: tx)
  }
}

extension Holds {
  /// Which of the messages a hold covered that was released since.
  package static func covering(
    _ keys: [MessageKey], releasedSince since: Timestamp, in tx: borrowing Transaction
  ) throws -> Set<MessageKey> {
    guard !keys.isEmpty else { return [] }
    let rows = try tx.execute(
      coveringReleased,
      [
        .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low)),
        .timestamp(microseconds: since.microseconds),
      ])
    return Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
  }

  private static let coveringReleased = """
    SELECT DISTINCT l.route_key, l.message_low FROM message_locator l JOIN hold h ON \(covers)
    WHERE (l.route_key, l.message_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
      AND h.released_at > $3
    """
}
