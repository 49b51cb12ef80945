package import Model
package import Postgres

extension AmendmentRow {
  /// Whether its content lies beside its message in a segment.
  package var isFolded: Bool { kind == .edit && sealed.isEmpty }
}

extension Amendments {
  /// Takes the content of edits out of the catalogue, which a segment has by now. One that is not as it was read is
  /// left alone: the next compaction takes it.
  package static func fold(_ rows: [AmendmentRow], in tx: borrowing Transaction) throws {
    guard !rows.isEmpty else { return }
    try tx.execute(fold, columns(rows) + [.bytesArray(rows.map(\.sealed))])
  }

  /// Puts the content of edits back that lay in a segment.
  package static func unfold(_ rows: [AmendmentRow], in tx: borrowing Transaction) throws {
    guard !rows.isEmpty else { return }
    try tx.execute(unfold, columns(rows) + [.bytesArray(rows.map(\.sealed))])
  }

  private static func columns(_ rows: [AmendmentRow]) -> [PostgresValue] {
    [
      .int8Array(rows.map(\.route.rawValue)), .int8Array(rows.map(\.conversation.rawValue)),
      .int8Array(rows.map(\.key.high)), .int8Array(rows.map(\.key.low)),
      .int8Array(rows.map(\.author.rawValue)), .int8Array(rows.map(\.version)),
      .timestampArray(rows.map(\.at.microseconds)),
    ]
  }

  /// How many edits of archived messages by their own authors could be folded, by the month of the message.
  package static func foldable(tenant: TenantID, in tx: borrowing Transaction) throws -> [Period: Int] {
    let rows = try tx.execute(foldable, [.int8(tenant.rawValue)])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map {
        (Period(rawValue: Int32(rows.int64($0, 0))), Int(rows.int64($0, 1)))
      })
  }

  private static let matches = """
    a.kind = 1 AND a.route_key = n.route AND a.conversation_id = n.conversation AND a.message_high = n.high
      AND a.message_low = n.low AND a.author_id = n.author AND a.version = n.version AND a.at = n.at
    """
  private static let edits = """
    unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[],
      $8::bytea[]) AS n(route, conversation, high, low, author, version, at, sealed)
    """
  private static let fold = """
    UPDATE amendment a SET sealed = '' FROM \(edits) WHERE \(matches) AND a.sealed = n.sealed
    """
  private static let unfold = """
    UPDATE amendment a SET sealed = n.sealed FROM \(edits) WHERE \(matches) AND a.sealed = ''
    """
  // A message that came late lies in the hot table until it is archived too.
  private static let foldable = """
    SELECT s.period, count(*)
    FROM amendment a
    JOIN message_locator l ON l.route_key = a.message_high AND l.message_low = a.message_low
    JOIN LATERAL (
      SELECT s.period FROM segment_block b JOIN segment s ON s.segment_id = b.segment_id
      WHERE b.route_key = a.route_key AND b.conversation_id = a.conversation_id AND s.superseded_at IS NULL
        AND (b.first_at, b.first_sequence) <= (l.created_at, l.sequence)
        AND (l.created_at, l.sequence) <= (b.last_at, b.last_sequence)
      LIMIT 1) s ON true
    WHERE a.kind = 1 AND a.sealed <> '' AND l.tenant_id = $1 AND l.sender_id = a.author_id AND l.state = 1
      AND NOT EXISTS (SELECT 1 FROM message m WHERE m.route_key = a.route_key
        AND m.conversation_id = a.conversation_id AND m.created_at = l.created_at AND m.sequence = l.sequence)
    GROUP BY s.period
    """
}
