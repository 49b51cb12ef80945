package import Model
package import Postgres

/// What reading a message has shown of a hold's query.
package enum HoldFinding: Int16, Sendable, CaseIterable {
  /// Stays so, whatever becomes of the message.
  case matches = 1
  /// Its words are sealed, blinded or cut: held as if it matched.
  case undecided
  case doesNotMatch
}

/// A message within a hold that has to be read for the hold's query.
package struct UnreadMessage: Sendable, Hashable {
  package let locator: Locator
  /// Its edits, and a mark that is another after every change of them.
  package let edits: Int
  package let mark: Int64
}

/// What is known of the messages within holds by query. A hold lets a message go for a row that says that it does not
/// match, and for nothing else: what was not read yet, arrived since or was edited since is held.
package enum HoldFindings {
  /// A stretch of the tenant's messages in order of time: those of it that are to be read, and where the next begins.
  package struct Page: Sendable {
    package let unread: [UnreadMessage]
    package let next: ScanPosition?
  }

  package struct Found: Sendable, Hashable {
    package let key: MessageKey
    package let finding: HoldFinding
    /// Of the edits the message was read with.
    package let mark: Int64

    package init(_ message: UnreadMessage, _ finding: HoldFinding) {
      key = message.locator.key
      mark = message.mark
      self.finding = finding
    }
  }

  /// Looks at the next `limit` messages of the hold's times for those that it covers and that were not read, or were
  /// edited since. What matched once is not read again.
  package static func page(
    _ hold: HoldRow, after position: ScanPosition?, limit: Int, in tx: borrowing Transaction
  ) throws -> Page {
    let rows = try tx.execute(
      page,
      [
        .int8(hold.id), .int8(hold.tenant.rawValue),
        .timestamp(microseconds: (position?.createdAt ?? .earliest).microseconds),
        .int8(position?.key.high ?? Int64.min), .int8(position?.key.low ?? Int64.min),
        .timestamp(microseconds: (hold.from ?? .earliest).microseconds),
        .timestamp(microseconds: (hold.to ?? .latest).microseconds), .int8(Int64(limit)),
      ])
    let all = (0..<rows.count).map { Locators.locator(rows, $0, from: 0) }
    let wanted = all.indices.filter { rows.bool($0, 9) }.map { all[$0] }
    let known = try marks(of: wanted, in: tx)
    return Page(
      unread: wanted.map { locator in
        let (count, mark) = known[locator.key] ?? (0, 0)
        return UnreadMessage(locator: locator, edits: count, mark: mark)
      }, next: all.count == limit ? all.last.map { ScanPosition($0) } : nil)
  }

  /// Notes what was found, unless the hold is released.
  package static func store(_ found: [Found], hold: Int64, in tx: borrowing Transaction) throws {
    guard !found.isEmpty else { return }
    try tx.execute(
      store,
      [
        .int8(hold), .int8Array(found.map(\.key.high)), .int8Array(found.map(\.key.low)),
        .int2Array(found.map(\.finding.rawValue)), .int8Array(found.map(\.mark)),
      ])
  }

  /// How many messages were found to be what, by hold.
  package static func counts(_ holds: [Int64], in tx: borrowing Transaction) throws -> [Int64: [HoldFinding:
    Int]]
  {
    guard !holds.isEmpty else { return [:] }
    let rows = try tx.execute(counts, [.int8Array(holds)])
    var counts: [Int64: [HoldFinding: Int]] = [:]
    for row in 0..<rows.count {
      guard let finding = HoldFinding(rawValue: Int16(rows.int64(row, 1))) else { continue }
      counts[rows.int64(row, 0), default: [:]][finding] = Int(rows.int64(row, 2))
    }
    return counts
  }

  /// Of the messages, those that the hold keeps although nothing shows that they match.
  package static func undecided(_ hold: Int64, of keys: [MessageKey], in tx: borrowing Transaction) throws
    -> Set<MessageKey>
  {
    guard !keys.isEmpty else { return [] }
    let rows = try tx.execute(
      undecided, [.int8(hold), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    return Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
  }

  /// Which of the holds, by query and in force, cover which of the messages and are known to leave them out.
  package static func excluded(_ holds: [Int64], of keys: [MessageKey], in tx: borrowing Transaction) throws
    -> [MessageKey: Set<Int64>]
  {
    guard !holds.isEmpty, !keys.isEmpty else { return [:] }
    let rows = try tx.execute(
      excluded, [.int8Array(holds), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    return (0..<rows.count).reduce(into: [:]) { found, row in
      let key = MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1))
      found[key, default: []].insert(rows.int64(row, 2))
    }
  }

  /// Removes findings of a released hold; returns how many went, at most `limit`.
  package static func remove(_ hold: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int {
    try tx.execute(remove, [.int8(hold), .int8(Int64(limit))]).affected
  }

  private static func marks(of locators: [Locator], in tx: borrowing Transaction) throws -> [MessageKey: (
    Int, Int64
  )] {
    guard !locators.isEmpty else { return [:] }
    let rows = try tx.execute(
      marksOfEdits,
      [
        .int8Array(locators.map(\.route.rawValue)), .int8Array(locators.map(\.conversation.rawValue)),
        .int8Array(locators.map(\.key.high)), .int8Array(locators.map(\.key.low)),
      ])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map {
        (
          MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)),
          (Int(rows.int64($0, 2)), rows.int64($0, 3))
        )
      })
  }

  // An edit is told from others by its author and version, and its content never changes.
  private static let mark = "coalesce(bit_xor(hashint8extended(a.version, a.author_id)), 0)"
  /// The mark of the edits that the located message `l` has now.
  static let edits = """
    (SELECT \(mark) FROM amendment a WHERE a.route_key = l.conversation_route
      AND a.conversation_id = l.conversation_id AND a.message_high = l.route_key
      AND a.message_low = l.message_low AND a.kind = 1)
    """
  // The inner query is nothing but a stretch of the index by time, as retention's is.
  private static let page = """
    SELECT \(Locators.prefixed("l")), \(Holds.covers)
      AND NOT EXISTS (SELECT 1 FROM hold_finding f WHERE f.route_key = l.route_key
        AND f.message_low = l.message_low AND f.hold_id = h.hold_id
        AND (f.finding = 1 OR f.edits = \(edits)))
    FROM hold h CROSS JOIN (SELECT * FROM message_locator
      WHERE tenant_id = $2 AND state IN (1, 5) AND created_at >= $6 AND created_at < $7
        AND (created_at, route_key, message_low) > ($3, $4, $5)
      ORDER BY created_at, route_key, message_low LIMIT $8) l
    WHERE h.hold_id = $1 ORDER BY l.created_at, l.route_key, l.message_low
    """
  private static let marksOfEdits = """
    SELECT n.high, n.low, count(*), \(mark)
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n(route, conversation, high, low)
    JOIN amendment a ON a.route_key = n.route AND a.conversation_id = n.conversation AND a.message_high = n.high
      AND a.message_low = n.low AND a.kind = 1
    GROUP BY n.high, n.low
    """
  // What is found later about a message that matched once changes nothing: it stays evidence.
  private static let store = """
    INSERT INTO hold_finding AS f (route_key, message_low, hold_id, finding, edits)
    SELECT n.high, n.low, h.hold_id, n.finding, n.edits
    FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[]) AS n(high, low, finding, edits)
    JOIN hold h ON h.hold_id = $1 AND h.by_query AND h.released_at IS NULL
    ON CONFLICT (route_key, message_low, hold_id) DO UPDATE
    SET finding = excluded.finding, edits = excluded.edits WHERE f.finding <> 1
    """
  private static let counts = """
    SELECT hold_id, finding::bigint, count(*) FROM hold_finding WHERE hold_id = ANY($1) GROUP BY hold_id, finding
    """
  private static let undecided = """
    SELECT l.route_key, l.message_low FROM message_locator l JOIN hold h ON \(Holds.keeps)
    WHERE h.hold_id = $1 AND h.by_query
      AND (l.route_key, l.message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
      AND NOT EXISTS (SELECT 1 FROM hold_finding f WHERE f.route_key = l.route_key
        AND f.message_low = l.message_low AND f.hold_id = h.hold_id AND f.finding = 1)
    """
  private static let excluded = """
    SELECT l.route_key, l.message_low, h.hold_id FROM message_locator l JOIN hold h ON \(Holds.covers)
    WHERE h.hold_id = ANY($1) AND h.by_query AND h.released_at IS NULL
      AND (l.route_key, l.message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
      AND NOT (\(Holds.keeps))
    """
  private static let remove = """
    DELETE FROM hold_finding WHERE (route_key, message_low, hold_id) IN
      (SELECT route_key, message_low, hold_id FROM hold_finding WHERE hold_id = $1 LIMIT $2)
    """
}
