package import Model
package import Postgres

/// Messages of one conversation that a search does not see, and why.
package struct CoverageGap: Sendable, Hashable {
  package enum Cause: Sendable, Hashable {
    case tokens(TokenKind)
    /// The index has set the message aside.
    case refused
    /// It could not be read when it was to be indexed.
    case unreadable
    /// It is in the feed, and not yet in the index.
    case waiting
    /// It may be in a group of the index that cannot be read.
    case damaged
  }

  package let conversation: ConversationID
  package let cause: Cause
  /// From the first moment to the last one: of days, or of messages where these are known.
  package let times: ClosedRange<Timestamp>

  package init(conversation: ConversationID, cause: Cause, times: ClosedRange<Timestamp>) {
    self.conversation = conversation
    self.cause = cause
    self.times = times
  }
}

/// What a search asks coverage for.
package struct CoverageQuery: Sendable {
  package var tenant: TenantID
  /// Tokens the search cannot use.
  package var modes: [TokenKind.Mode]
  /// Conversations and generations of blinded tokens that are asked for, and so are no gaps.
  package var asked: [(conversation: ConversationID, generation: UInt32)]
  /// Of the messages' times; half open.
  package var from: Timestamp
  package var until: Timestamp
  /// Rows looked at.
  package var limit: Int

  package init(
    tenant: TenantID, modes: [TokenKind.Mode],
    asked: [(conversation: ConversationID, generation: UInt32)] = [], from: Timestamp = .earliest,
    until: Timestamp = .latest, limit: Int
  ) {
    self.tenant = tenant
    self.modes = modes
    self.asked = asked
    self.from = from
    self.until = until
    self.limit = limit
  }
}

extension SearchCoverage {
  /// What a search of these conversations, or of the whole tenant, does not see. Of the tenant it is one statement over
  /// what is missing: however many conversations there are, where nothing is missing it reads nothing.
  package static func gaps(
    _ query: CoverageQuery, conversations: [ConversationID]?, in tx: borrowing Transaction
  ) throws -> [CoverageGap] {
    let rows = try tx.execute(
      conversations == nil ? everywhere : within,
      [
        .int8(query.tenant.rawValue), .int2Array(query.modes.map(\.rawValue)),
        .int4(Int32(TokenCoverage.day(of: query.from))), .int4(Int32(TokenCoverage.day(of: query.until)) + 1),
        .int8Array(query.asked.map(\.conversation.rawValue)),
        .int8Array(query.asked.map { Int64($0.generation) }),
        .timestamp(microseconds: query.from.microseconds), .timestamp(microseconds: query.until.microseconds),
        .int8(Int64(query.limit)),
      ] + (conversations.map { [.int8Array($0.map(\.rawValue))] } ?? []))
    return (0..<rows.count).map { gap(rows, $0) }
  }

  private static func gap(_ rows: PostgresRows, _ row: Int) -> CoverageGap {
    let conversation = ConversationID(rawValue: rows.int64(row, 0))
    let mode = TokenKind.Mode(rawValue: Int16(rows.int64(row, 1)))
    let exact = rows.timestampOrNil(row, 3).flatMap { from in
      rows.timestampOrNil(row, 4).map { Timestamp(microseconds: from)...Timestamp(microseconds: $0) }
    }
    guard let mode else {
      let at = exact ?? .earliest ... .latest
      return CoverageGap(
        conversation: conversation, cause: rows.int64(row, 1) == 3 ? .unreadable : .refused, times: at)
    }
    let first = TokenCoverage.start(ofDay: rows.int64(row, 5))
    let last = Timestamp(microseconds: TokenCoverage.start(ofDay: rows.int64(row, 6)).microseconds - 1)
    return CoverageGap(
      conversation: conversation, cause: .tokens(TokenKind(mode, generation: rows.int64(row, 2))),
      times: exact.map { max(first, $0.lowerBound)...max(first, min(last, $0.upperBound)) } ?? first...last)
  }

  /// Where each group's feed stands, and whether anything at all is missing in the tenant: where nothing is, which is
  /// what most searches find, nothing more is asked.
  package static func state(_ query: CoverageQuery, in tx: borrowing Transaction) throws -> (
    heads: [Int16: Int64], hasGaps: Bool
  ) {
    let rows = try tx.execute(
      state, [.int8(query.tenant.rawValue), .int2Array(query.modes.map(\.rawValue))])
    let heads = (0..<rows.count).map { (Int16(rows.int64($0, 0)), rows.int64($0, 1)) }
    return (Dictionary(uniqueKeysWithValues: heads), (0..<rows.count).contains { rows.bool($0, 2) })
  }

  /// Messages that changed in each group's feed behind a position, if they are live.
  package static func waiting(
    _ positions: [Int16: Int64], tenant: TenantID, limit: Int, in tx: borrowing Transaction
  ) throws -> [CoverageGap] {
    let groups = positions.keys.sorted()
    let rows = try tx.execute(
      waiting,
      [
        .int8(tenant.rawValue), .int2Array(groups), .int8Array(groups.map { positions[$0] ?? 0 }),
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { row in
      let at = Timestamp(microseconds: rows.timestamp(row, 1))
      return CoverageGap(
        conversation: ConversationID(rawValue: rows.int64(row, 0)), cause: .waiting, times: at...at)
    }
  }

  // By mode, each in the order of the index: the planner takes tenant and mode for independent of each other, and would
  // otherwise read the whole table for the few rows that are wanted.
  private static let everywhere = """
    SELECT * FROM (
      SELECT \(columns)
      FROM unnest($2) AS m(mode) CROSS JOIN LATERAL (SELECT * FROM token_coverage c
        WHERE c.tenant_id = $1 AND c.mode = m.mode AND \(wanted) ORDER BY c.conversation_id LIMIT $9) c
      \(ranges)
      UNION ALL \(quarantined)
    ) g LIMIT $9
    """
  private static let within = """
    SELECT * FROM (
      SELECT \(columns) FROM token_coverage c \(ranges)
      WHERE c.tenant_id = $1 AND c.mode = ANY($2) AND c.conversation_id = ANY($10) AND \(wanted)
      UNION ALL \(quarantined) AND q.conversation_id = ANY($10)
    ) g LIMIT $9
    """
  // By mode and in order, as in `everywhere`, so that it is one look into the index.
  private static let state = """
    SELECT group_id, next_sequence - 1,
      EXISTS (SELECT 1 FROM unnest($2::smallint[]) AS m(mode) CROSS JOIN LATERAL (SELECT 1 FROM token_coverage c
        WHERE c.tenant_id = $1 AND c.mode = m.mode ORDER BY c.conversation_id LIMIT 1) c)
      OR EXISTS (SELECT 1 FROM index_quarantine WHERE tenant_id = $1)
    FROM feed_head
    """
  private static let columns =
    "c.conversation_id, c.mode, c.generation, c.first_at, c.last_at, lower(r) AS lo, upper(r) AS hi"
  private static let ranges = "CROSS JOIN LATERAL unnest(c.days * int4multirange(int4range($3, $4))) r"
  private static let wanted = """
    c.days && int4range($3, $4) AND NOT (c.mode = 2
      AND (c.conversation_id, c.generation) IN (SELECT * FROM unnest($5::bigint[], $6::bigint[])))
    """
  private static let quarantined = """
    SELECT q.conversation_id, CASE q.code WHEN 'unreadable' THEN 3 ELSE 4 END, 0, q.created_at, q.created_at, 0, 0
    FROM index_quarantine q WHERE q.tenant_id = $1 AND q.created_at >= $7 AND q.created_at < $8
    """
  private static let waiting = """
    SELECT l.conversation_id, l.created_at FROM unnest($2::smallint[], $3::bigint[]) AS n(group_id, position)
    CROSS JOIN LATERAL (SELECT * FROM feed WHERE feed.group_id = n.group_id AND feed.sequence > n.position
      ORDER BY feed.sequence LIMIT $4) f
    CROSS JOIN LATERAL (SELECT * FROM message_locator
      WHERE route_key = f.message_high AND message_low = f.message_low OFFSET 0) l
    WHERE f.kind <> 3 AND l.tenant_id = $1 AND l.state = 1 LIMIT $4
    """
}
