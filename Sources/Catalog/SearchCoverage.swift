package import Model
package import Postgres

/// What kinds of tokens a conversation's messages came with, and the span of those that came without.
package struct TokenCoverage: Sendable, Hashable {
  package let conversation: ConversationID
  package var hasPlain: Bool
  package var hasBlinded: Bool
  package var unsearchable: ClosedRange<Timestamp>?

  package init(
    conversation: ConversationID, hasPlain: Bool = false, hasBlinded: Bool = false,
    unsearchable: ClosedRange<Timestamp>? = nil
  ) {
    self.conversation = conversation
    self.hasPlain = hasPlain
    self.hasBlinded = hasBlinded
    self.unsearchable = unsearchable
  }

  /// Takes in one message of the conversation.
  package mutating func note(_ mode: TokenSet.Mode?, at time: Timestamp) {
    switch mode {
    case .plain: hasPlain = true
    case .blinded: hasBlinded = true
    case nil:
      unsearchable = unsearchable.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
    }
  }
}

package enum SearchCoverage {
  /// Widens what is known by what a batch brought.
  package static func note(_ coverage: [(RouteKey, TokenCoverage)], in tx: borrowing Transaction) throws {
    guard !coverage.isEmpty else { return }
    // Without messages lacking tokens the span stays as it is: an empty span is sent as latest…earliest.
    try tx.execute(
      note,
      [
        .int8Array(coverage.map(\.0.rawValue)), .int8Array(coverage.map(\.1.conversation.rawValue)),
        .int2Array(coverage.map { ($0.1.hasPlain ? 1 : 0) | ($0.1.hasBlinded ? 2 : 0) }),
        .timestampArray(coverage.map { ($0.1.unsearchable?.lowerBound ?? .latest).microseconds }),
        .timestampArray(coverage.map { ($0.1.unsearchable?.upperBound ?? .earliest).microseconds }),
      ])
  }

  /// Conversations, of those given (or of the whole tenant), that a query over one kind of tokens cannot fully answer.
  package static func gaps(
    tenant: TenantID, conversations: [ConversationID]?, blinded: Bool, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [TokenCoverage] {
    let rows = try tx.execute(
      gaps,
      [
        .int8(tenant.rawValue), conversations.map { .int8Array($0.map(\.rawValue)) } ?? .null,
        .int2(blinded ? 1 : 2), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { row in
      var coverage = TokenCoverage(
        conversation: ConversationID(rawValue: rows.int64(row, 0)), hasPlain: rows.int64(row, 1) & 1 != 0,
        hasBlinded: rows.int64(row, 1) & 2 != 0)
      if let from = rows.timestampOrNil(row, 2), let to = rows.timestampOrNil(row, 3) {
        coverage.unsearchable = Timestamp(microseconds: from)...Timestamp(microseconds: to)
      }
      return coverage
    }
  }

  private static let note = """
    UPDATE conversation c SET token_modes = c.token_modes | n.modes,
      unsearchable_from = CASE WHEN n.lo <= n.hi THEN least(c.unsearchable_from, n.lo) ELSE c.unsearchable_from END,
      unsearchable_to = CASE WHEN n.lo <= n.hi THEN greatest(c.unsearchable_to, n.hi) ELSE c.unsearchable_to END
    FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::timestamptz[])
      AS n(route, id, modes, lo, hi)
    WHERE c.route_key = n.route AND c.conversation_id = n.id
      AND (c.token_modes | n.modes <> c.token_modes OR n.lo <= n.hi
        AND (c.unsearchable_from IS NULL OR n.lo < c.unsearchable_from OR n.hi > c.unsearchable_to))
    """
  private static let gaps = """
    SELECT conversation_id, token_modes, unsearchable_from, unsearchable_to FROM conversation
    WHERE tenant_id = $1 AND ($2::bigint[] IS NULL OR conversation_id = ANY($2))
      AND (unsearchable_from IS NOT NULL OR token_modes & $3 <> 0)
    ORDER BY conversation_id LIMIT $4
    """
}
