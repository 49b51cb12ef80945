package import Model
package import Postgres

/// A conversation of which coverage is known.
package struct CoveredConversation: Sendable, Hashable {
  package let tenant: TenantID
  package let route: RouteKey
  package let conversation: ConversationID
}

extension SearchCoverage {
  /// In the order of the table, after one.
  package static func conversations(
    after cursor: CoveredConversation?, limit: Int, in tx: borrowing Transaction
  )
    throws -> [CoveredConversation]
  {
    let rows = try tx.execute(
      conversations,
      [
        .int8(cursor?.route.rawValue ?? .min), .int8(cursor?.conversation.rawValue ?? .min),
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map {
      CoveredConversation(
        tenant: TenantID(rawValue: rows.int64($0, 0)), route: RouteKey(rawValue: rows.int64($0, 1)),
        conversation: ConversationID(rawValue: rows.int64($0, 2)))
    }
  }

  /// Conversations of messages that a group's feed touches behind a step.
  package static func touched(group: Int16, after sequence: Int64, in tx: borrowing Transaction) throws
    -> Set<
      ConversationID
    >
  {
    let rows = try tx.execute(touched, [.int2(group), .int8(sequence)])
    return Set((0..<rows.count).map { ConversationID(rawValue: rows.int64($0, 0)) })
  }

  package static func remove(_ conversations: [CoveredConversation], in tx: borrowing Transaction) throws {
    guard !conversations.isEmpty else { return }
    try tx.execute(
      remove,
      [
        .int8Array(conversations.map(\.route.rawValue)),
        .int8Array(conversations.map(\.conversation.rawValue)),
      ])
  }

  /// Generations of blinded tokens by conversation, from the oldest; what a client has to ask each for.
  package static func generations(
    tenant: TenantID, conversations: [ConversationID], in tx: borrowing Transaction
  ) throws -> [ConversationID: [Int64]] {
    let rows = try tx.execute(
      generations, [.int8(tenant.rawValue), .int8Array(conversations.map(\.rawValue))])
    var found: [ConversationID: [Int64]] = [:]
    for row in 0..<rows.count {
      found[ConversationID(rawValue: rows.int64(row, 0)), default: []].append(rows.int64(row, 1))
    }
    return found
  }

  private static let conversations = """
    SELECT DISTINCT tenant_id, route_key, conversation_id FROM token_coverage
    WHERE (route_key, conversation_id) > ($1, $2) ORDER BY route_key, conversation_id LIMIT $3
    """
  private static let touched = """
    SELECT DISTINCT l.conversation_id FROM feed f CROSS JOIN LATERAL (SELECT * FROM message_locator
      WHERE route_key = f.message_high AND message_low = f.message_low OFFSET 0) l
    WHERE f.group_id = $1 AND f.sequence > $2
    """
  private static let remove = """
    DELETE FROM token_coverage WHERE (route_key, conversation_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
    """
  private static let generations = """
    SELECT conversation_id, generation FROM token_coverage
    WHERE tenant_id = $1 AND mode = 2 AND conversation_id = ANY($2) ORDER BY conversation_id, generation
    """
}
