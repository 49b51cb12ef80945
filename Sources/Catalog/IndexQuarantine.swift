package import Model
package import Postgres

/// A message the search index refused: it is stored and read as any other, and no search finds it.
package struct QuarantinedMessage: Sendable, Hashable {
  package let group: Int16
  package let sequence: Int64
  package let key: MessageKey
  /// Why, as a code; never a word of the message.
  package let code: String
  package let at: Timestamp
}

/// Messages of one conversation that no search finds, as the index refused them.
package struct QuarantineGap: Sendable, Hashable {
  package let conversation: ConversationID
  /// Creation times of the oldest and the newest of them.
  package let times: ClosedRange<Timestamp>
  package let count: Int
}

package enum IndexQuarantine {
  /// Sets a message aside, or notes a new reason for one that is.
  package static func setAside(
    _ message: Locator, group: Int16, code: String, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      setAside,
      [
        .int2(group), .int8(message.position.sequence), .int8(message.key.high), .int8(message.key.low),
        .int8(message.tenant.rawValue), .int8(message.conversation.rawValue),
        .timestamp(microseconds: message.position.createdAt.microseconds), .text(code),
        .timestamp(microseconds: now.microseconds),
      ])
  }

  /// Forgets messages that are in the index after all, or that are no more.
  package static func clear(group: Int16, sequences: [Int64], in tx: borrowing Transaction) throws {
    guard !sequences.isEmpty else { return }
    try tx.execute(
      "DELETE FROM index_quarantine WHERE group_id = $1 AND sequence = ANY($2)",
      [.int2(group), .int8Array(sequences)])
  }

  /// Those of a group in order of sequence, after one.
  package static func list(group: Int16, after sequence: Int64, limit: Int, in tx: borrowing Transaction)
    throws
    -> [QuarantinedMessage]
  {
    let rows = try tx.execute(list, [.int2(group), .int8(sequence), .int8(Int64(limit))])
    return (0..<rows.count).map { row in
      QuarantinedMessage(
        group: group, sequence: rows.int64(row, 0),
        key: MessageKey(high: rows.int64(row, 1), low: rows.int64(row, 2)), code: rows.text(row, 3),
        at: Timestamp(microseconds: rows.timestamp(row, 4)))
    }
  }

  /// How many are set aside, by group; groups without any are missing.
  package static func counts(in tx: borrowing Transaction) throws -> [Int16: Int] {
    let rows = try tx.execute("SELECT group_id, count(*) FROM index_quarantine GROUP BY group_id")
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map { (Int16(rows.int64($0, 0)), Int(rows.int64($0, 1))) })
  }

  /// What searches of these conversations, or of the whole tenant, cannot find.
  package static func gaps(
    tenant: TenantID, conversations: [ConversationID]?, limit: Int, in tx: borrowing Transaction
  ) throws -> [QuarantineGap] {
    let rows = try tx.execute(
      gaps,
      [
        .int8(tenant.rawValue), conversations.map { .int8Array($0.map(\.rawValue)) } ?? .null,
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { row in
      QuarantineGap(
        conversation: ConversationID(rawValue: rows.int64(row, 0)),
        times: Timestamp(
          microseconds: rows.timestamp(row, 1))...Timestamp(microseconds: rows.timestamp(row, 2)),
        count: Int(rows.int64(row, 3)))
    }
  }

  private static let setAside = """
    INSERT INTO index_quarantine (group_id, sequence, message_high, message_low, tenant_id, conversation_id,
      created_at, code, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (group_id, sequence) DO UPDATE SET code = excluded.code, at = excluded.at
    """
  private static let list = """
    SELECT sequence, message_high, message_low, code, at FROM index_quarantine
    WHERE group_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
    """
  private static let gaps = """
    SELECT conversation_id, min(created_at), max(created_at), count(*) FROM index_quarantine
    WHERE tenant_id = $1 AND ($2::bigint[] IS NULL OR conversation_id = ANY($2))
    GROUP BY conversation_id ORDER BY conversation_id LIMIT $3
    """
}
