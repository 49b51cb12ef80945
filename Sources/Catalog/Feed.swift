package import Model
package import Postgres

/// One step of the feed: a message that appeared, changed or went.
package struct FeedEntry: Sendable {
  package enum Kind: Int16, Sendable { case created = 1, edited, removed }
  /// Of the feed step itself.
  package let sequence: Int64
  package let kind: Kind
  package let key: MessageKey
  /// Where the message is known to be; `nil` once it is not known any more.
  package let located: Locator?
}

package enum Feed {
  package static func createHeads(groups: Int, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      INSERT INTO feed_head (group_id, next_sequence) SELECT n, 1 FROM generate_series(0, $1::int - 1) n
      ON CONFLICT DO NOTHING
      """, [.int4(Int32(groups))])
  }

  /// Locks the heads until the transaction ends: sequences are handed out in the order of commits.
  package static func lock(groups: Set<Int16>, in tx: borrowing Transaction) throws {
    try tx.execute(
      "SELECT 1 FROM feed_head WHERE group_id = ANY($1) ORDER BY group_id FOR UPDATE",
      [.int2Array(groups.sorted())])
  }

  /// Adds a step; the caller holds the group's lock or takes it here.
  package static func append(
    _ kind: FeedEntry.Kind, _ key: MessageKey, group: Int16, in tx: borrowing Transaction
  ) throws {
    try tx.execute(append, [.int2(group), .int2(kind.rawValue), .int8(key.high), .int8(key.low)])
  }

  /// Adds a step a message, in the given order.
  package static func append(
    _ kind: FeedEntry.Kind, _ keys: [MessageKey], group: Int16, in tx: borrowing Transaction
  ) throws {
    guard !keys.isEmpty else { return }
    try lock(groups: [group], in: tx)
    try tx.execute(
      appendMany,
      [.int2(group), .int2(kind.rawValue), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
  }

  package static func read(group: Int16, after position: Int64, limit: Int, in tx: borrowing Transaction)
    throws
    -> [FeedEntry]
  {
    let rows = try tx.execute(read, [.int2(group), .int8(position), .int8(Int64(limit))])
    return (0..<rows.count).map { row in
      FeedEntry(
        sequence: rows.int64(row, 0), kind: FeedEntry.Kind(rawValue: Int16(rows.int64(row, 1))) ?? .edited,
        key: MessageKey(high: rows.int64(row, 2), low: rows.int64(row, 3)),
        located: rows.isNull(row, 4) ? nil : Locators.locator(rows, row, from: 4))
    }
  }

  /// Where the messages are that appeared in a stretch of the feed, in its order.
  ///
  /// - Parameter changed: only those that were edited, or reacted to.
  /// - Returns: the messages, and the last step looked at; `nil` at the feed's end.
  package static func created(
    group: Int16, after position: Int64, upTo end: Int64, changed: Bool, limit: Int,
    in tx: borrowing Transaction
  ) throws -> (messages: [Locator], last: Int64?) {
    let last = try tx.execute(
      """
      SELECT max(sequence) FROM (SELECT sequence FROM feed WHERE group_id = $1 AND sequence > $2 AND sequence <= $3
        ORDER BY sequence LIMIT $4) f
      """, [.int2(group), .int8(position), .int8(end), .int8(Int64(limit))])
    guard !last.isNull(0, 0) else { return ([], nil) }
    let rows = try tx.execute(
      changed ? createdAndChanged : created, [.int2(group), .int8(position), .int8(last.int64(0, 0))])
    return ((0..<rows.count).map { Locators.locator(rows, $0, from: 0) }, last.int64(0, 0))
  }

  /// The last sequence handed out in each group.
  package static func heads(in tx: borrowing Transaction) throws -> [Int16: Int64] {
    let rows = try tx.execute("SELECT group_id, next_sequence - 1 FROM feed_head")
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map { (Int16(rows.int64($0, 0)), rows.int64($0, 1)) })
  }

  /// When the first step after each position was put into the feed; groups that are that far are missing.
  package static func waitingSince(_ positions: [Int16: Int64], in tx: borrowing Transaction) throws
    -> [Int16: Timestamp]
  {
    let groups = positions.keys.sorted()
    let rows = try tx.execute(
      waitingSince, [.int2Array(groups), .int8Array(groups.map { positions[$0] ?? 0 })])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map {
        (Int16(rows.int64($0, 0)), Timestamp(microseconds: rows.timestamp($0, 1)))
      })
  }

  /// The database's own clock, on which `appended_at` is.
  package static func now(in tx: borrowing Transaction) throws -> Timestamp {
    Timestamp(microseconds: try tx.execute("SELECT now()").timestamp(0, 0))
  }

  private static let append = """
    WITH head AS (UPDATE feed_head SET next_sequence = next_sequence + 1 WHERE group_id = $1
      RETURNING next_sequence - 1 AS sequence)
    INSERT INTO feed (group_id, sequence, kind, message_high, message_low) SELECT $1, sequence, $2, $3, $4 FROM head
    """
  private static let appendMany = """
    WITH n AS (SELECT high, low, ordinality FROM unnest($3::bigint[], $4::bigint[]) WITH ORDINALITY AS u(high, low)),
      head AS (UPDATE feed_head SET next_sequence = next_sequence + (SELECT count(*) FROM n) WHERE group_id = $1
      RETURNING next_sequence - (SELECT count(*) FROM n) - 1 AS base)
    INSERT INTO feed (group_id, sequence, kind, message_high, message_low)
    SELECT $1, base + ordinality, $2, high, low FROM n, head
    """
  private static let created = """
    SELECT \(Locators.prefixed("l")) FROM feed f CROSS JOIN LATERAL (SELECT * FROM message_locator
      WHERE route_key = f.message_high AND message_low = f.message_low OFFSET 0) l
    WHERE f.group_id = $1 AND f.sequence > $2 AND f.sequence <= $3 AND f.kind = 1 ORDER BY f.sequence
    """
  private static let createdAndChanged = """
    SELECT * FROM (\(created)) l WHERE EXISTS (SELECT 1 FROM amendment a
      WHERE a.route_key = l.conversation_route AND a.conversation_id = l.conversation_id
        AND a.message_high = l.route_key AND a.message_low = l.message_low AND a.kind <> 2)
    """
  private static let waitingSince = """
    SELECT n.group_id, f.appended_at FROM unnest($1::smallint[], $2::bigint[]) AS n(group_id, position)
    CROSS JOIN LATERAL (SELECT appended_at FROM feed WHERE feed.group_id = n.group_id AND sequence > n.position
      ORDER BY sequence LIMIT 1) f
    """
  // Cut first, then a probe of the locator's index a step: a join would read the whole of both tables each time.
  private static let read = """
    SELECT f.sequence, f.kind, f.message_high, f.message_low, \(Locators.prefixed("l"))
    FROM (SELECT * FROM feed WHERE group_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) f
    LEFT JOIN LATERAL (SELECT * FROM message_locator
      WHERE route_key = f.message_high AND message_low = f.message_low OFFSET 0) l ON true
    ORDER BY f.sequence
    """
}
