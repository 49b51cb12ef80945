package import Model
package import Postgres

/// An edit, a deletion or a reaction, sealed under its author's lane key.
package struct AmendmentRow: Sendable {
  package enum Kind: Int16, Sendable { case edit = 1, deletion, reaction }
  package let key: MessageKey
  package let kind: Kind
  package let author: SubjectID
  package let version: Int64
  package let at: Timestamp
  package let removedAt: Timestamp?
  package let route: RouteKey
  package let conversation: ConversationID
  /// What an edit makes of its message's tokens; kept only while it waits for the message.
  package let tokens: TokenKind?
  /// Empty for a deletion whose author was erased, and for an edit whose content lies in the message's segment.
  package let sealed: [UInt8]

  package init(
    key: MessageKey, kind: Kind, author: SubjectID, version: Int64, at: Timestamp,
    removedAt: Timestamp? = nil,
    route: RouteKey, conversation: ConversationID, tokens: TokenKind? = nil, sealed: [UInt8]
  ) {
    self.key = key
    self.kind = kind
    self.author = author
    self.version = version
    self.at = at
    self.removedAt = removedAt
    self.route = route
    self.conversation = conversation
    self.tokens = tokens
    self.sealed = sealed
  }
}

package enum Amendments {
  /// Stores the change; a change already known is left alone.
  /// - Returns: whether anything changed.
  package static func insert(_ row: AmendmentRow, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(
      insert,
      [
        .int8(row.route.rawValue), .int8(row.conversation.rawValue), .int8(row.key.high), .int8(row.key.low),
        .int2(row.kind.rawValue), .int8(row.author.rawValue), .int8(row.version),
        .timestamp(microseconds: row.at.microseconds),
        row.removedAt.map { .timestamp(microseconds: $0.microseconds) } ?? .null, .bytes(row.sealed),
      ]
    ).affected > 0
  }

  /// Keeps the change until its message arrives; returns whether it was new.
  package static func wait(_ row: AmendmentRow, tenant: TenantID, in tx: borrowing Transaction) throws -> Bool
  {
    try tx.execute(
      wait,
      [
        .int8(row.key.high), .int8(row.key.low), .int2(row.kind.rawValue), .int8(row.author.rawValue),
        .int8(row.version), .int8(tenant.rawValue), .int8(row.route.rawValue),
        .int8(row.conversation.rawValue),
        .timestamp(microseconds: row.at.microseconds),
        row.removedAt.map { .timestamp(microseconds: $0.microseconds) } ?? .null, .bytes(row.sealed),
        row.tokens.map { .int2($0.mode.rawValue) } ?? .null,
        row.tokens.map { .int8($0.generation) } ?? .null,
      ]
    ).affected > 0
  }

  /// Takes out the changes that waited for messages that are there now, oldest first. Those that name another
  /// conversation than their message's stay: the platform contradicts itself, and they may be all there is of it.
  package static func takeWaiting(
    _ messages: [(key: MessageKey, conversation: ConversationID)], in tx: borrowing Transaction
  ) throws -> [AmendmentRow] {
    guard !messages.isEmpty else { return [] }
    return rows(
      try tx.execute(
        takeWaiting,
        [
          .int8Array(messages.map(\.key.high)), .int8Array(messages.map(\.key.low)),
          .int8Array(messages.map(\.conversation.rawValue)),
        ])
    ).sorted { ($0.at, $0.version) < ($1.at, $1.version) }
  }

  package static func find(
    _ keys: [(RouteKey, ConversationID, MessageKey)], in tx: borrowing Transaction
  ) throws -> [AmendmentRow] {
    guard !keys.isEmpty else { return [] }
    return rows(
      try tx.execute(
        find,
        [
          .int8Array(keys.map(\.0.rawValue)), .int8Array(keys.map(\.1.rawValue)),
          .int8Array(keys.map(\.2.high)), .int8Array(keys.map(\.2.low)),
        ]))
  }

  /// The messages with edits or reactions of the author, with the route of their conversations.
  package static func messages(changedBy author: SubjectID, in tx: borrowing Transaction) throws
    -> [(route: RouteKey, key: MessageKey)]
  {
    let rows = try tx.execute(
      "SELECT DISTINCT route_key, message_high, message_low FROM amendment WHERE author_id = $1 AND kind <> 2",
      [.int8(author.rawValue)])
    return (0..<rows.count).map {
      (RouteKey(rawValue: rows.int64($0, 0)), MessageKey(high: rows.int64($0, 1), low: rows.int64($0, 2)))
    }
  }

  /// All messages the author changed in any way, deletions included.
  package static func changed(by author: SubjectID, in tx: borrowing Transaction) throws -> [MessageKey] {
    let rows = try tx.execute(
      "SELECT DISTINCT message_high, message_low FROM amendment WHERE author_id = $1",
      [.int8(author.rawValue)])
    return (0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) }
  }

  /// Removes what the author changed. That somebody deleted a message of another which is kept for a hold or a floor
  /// stays known, without who it was: such a message goes when nothing keeps it any more.
  package static func removeAll(by author: SubjectID, in tx: borrowing Transaction) throws -> Int {
    try tx.execute("DELETE FROM pending_change WHERE author_id = $1", [.int8(author.rawValue)])
    let unnamed = try tx.execute(unname, [.int8(author.rawValue)]).affected
    return try unnamed
      + tx.execute("DELETE FROM amendment WHERE author_id = $1", [.int8(author.rawValue)]).affected
  }

  package static func count(by author: SubjectID, in tx: borrowing Transaction) throws -> Int {
    Int(
      try tx.execute("SELECT count(*) FROM amendment WHERE author_id = $1", [.int8(author.rawValue)]).int64(
        0, 0))
  }

  private static func rows(_ rows: PostgresRows) -> [AmendmentRow] {
    (0..<rows.count).map { row in
      AmendmentRow(
        key: MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1)),
        kind: AmendmentRow.Kind(rawValue: Int16(rows.int64(row, 2))) ?? .edit,
        author: SubjectID(rawValue: rows.int64(row, 3)), version: rows.int64(row, 4),
        at: Timestamp(microseconds: rows.timestamp(row, 5)),
        removedAt: rows.timestampOrNil(row, 6).map { Timestamp(microseconds: $0) },
        route: RouteKey(rawValue: rows.int64(row, 7)),
        conversation: ConversationID(rawValue: rows.int64(row, 8)),
        tokens: rows.int64OrNil(row, 10).flatMap { TokenKind.Mode(rawValue: Int16($0)) }.map {
          TokenKind($0, generation: rows.int64(row, 11))
        },
        sealed: rows.bytes(row, 9))
    }
  }

  private static let unname = """
    UPDATE amendment a SET author_id = 0, sealed = '' FROM message_locator l
    WHERE a.author_id = $1 AND a.kind = 2 AND l.route_key = a.message_high AND l.message_low = a.message_low
      AND l.state = 5 AND l.sender_id <> $1
    """
  // A reaction that was taken back and comes again, or the other way round: the later time wins.
  private static let insert = """
    INSERT INTO amendment AS a (route_key, conversation_id, message_high, message_low, kind, author_id, version, at,
      removed_at, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (route_key, conversation_id, message_high, message_low, kind, author_id, version) DO UPDATE
    SET at = excluded.at, removed_at = excluded.removed_at, sealed = excluded.sealed
    WHERE excluded.kind = 3 AND greatest(excluded.at, excluded.removed_at) > greatest(a.at, a.removed_at)
    """
  private static let wait = """
    INSERT INTO pending_change AS a (route_key, message_low, kind, author_id, version, tenant_id, conversation_route,
      conversation_id, at, removed_at, sealed, token_mode, token_generation)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (route_key, message_low, kind, author_id, version) DO UPDATE
    SET at = excluded.at, removed_at = excluded.removed_at, sealed = excluded.sealed
    WHERE excluded.kind = 3 AND greatest(excluded.at, excluded.removed_at) > greatest(a.at, a.removed_at)
    """
  private static let takeWaiting = """
    DELETE FROM pending_change
    WHERE (route_key, message_low, conversation_id) IN
      (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]))
    RETURNING route_key, message_low, kind, author_id, version, at, removed_at, conversation_route,
      conversation_id, sealed, token_mode, token_generation
    """
  private static let find = """
    SELECT message_high, message_low, kind, author_id, version, at, removed_at, route_key, conversation_id, sealed,
      NULL::smallint, NULL::bigint
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n(route, conversation, high, low)
    CROSS JOIN LATERAL (SELECT * FROM amendment WHERE route_key = n.route AND conversation_id = n.conversation
      AND message_high = n.high AND message_low = n.low OFFSET 0) a
    ORDER BY at, version
    """
}
