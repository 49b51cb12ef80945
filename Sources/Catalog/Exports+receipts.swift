package import Model
package import Postgres

/// How far a member was served or has read, as last announced.
package struct ReceiptRow: Sendable, Hashable {
  package enum State: Int16, Sendable { case delivered = 1, read }
  package let subject: SubjectID
  package let state: State
  package let upTo: MessageKey
  package let at: Timestamp
}

extension Exports {
  /// Receipts of a conversation by subject and state, after `cursor`.
  package static func receipts(
    route: RouteKey, conversation: ConversationID, after cursor: ReceiptRow?, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [ReceiptRow] {
    let rows = try tx.execute(
      """
      SELECT subject_id, state, message_high, message_low, at FROM receipt
      WHERE route_key = $1 AND conversation_id = $2 AND (subject_id, state) > ($3, $4)
      ORDER BY subject_id, state LIMIT $5
      """,
      [
        .int8(route.rawValue), .int8(conversation.rawValue), .int8(cursor?.subject.rawValue ?? Int64.min),
        .int2(cursor?.state.rawValue ?? 0), .int8(Int64(limit)),
      ])
    return (0..<rows.count).compactMap { row in
      ReceiptRow.State(rawValue: Int16(rows.int64(row, 1))).map {
        ReceiptRow(
          subject: SubjectID(rawValue: rows.int64(row, 0)), state: $0,
          upTo: MessageKey(high: rows.int64(row, 2), low: rows.int64(row, 3)),
          at: Timestamp(microseconds: rows.timestamp(row, 4)))
      }
    }
  }
}
