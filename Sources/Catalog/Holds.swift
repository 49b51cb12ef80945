package import Model
package import Postgres

/// A legal hold as stored; its matter and reasons are sealed.
package struct HoldRow: Sendable {
  package let id: Int64
  package let tenant: TenantID
  /// Empty: whoever wrote.
  package let custodians: [SubjectID]
  /// Empty: wherever it was written.
  package let conversations: [ConversationID]
  package let from: Timestamp?
  package let to: Timestamp?
  package let silent: Bool
  /// Whether only what a query finds is held of that. The query is among the sealed texts.
  package let byQuery: Bool
  package let sealed: [UInt8]
  package let placedAt: Timestamp
  package let releasedAt: Timestamp?
  /// What was there then has been read for the query, as far as it can be; `nil`: never, or no query.
  package let evaluatedAt: Timestamp?

  package init(
    id: Int64, tenant: TenantID, custodians: [SubjectID], conversations: [ConversationID], from: Timestamp?,
    to: Timestamp?, silent: Bool, byQuery: Bool = false, sealed: [UInt8], placedAt: Timestamp,
    releasedAt: Timestamp? = nil, evaluatedAt: Timestamp? = nil
  ) {
    self.id = id
    self.tenant = tenant
    self.custodians = custodians
    self.conversations = conversations
    self.from = from
    self.to = to
    self.silent = silent
    self.byQuery = byQuery
    self.sealed = sealed
    self.placedAt = placedAt
    self.releasedAt = releasedAt
    self.evaluatedAt = evaluatedAt
  }
}

package enum Holds {
  /// Takes the tenant's governance lock exclusively, so that no deletion is under way unseen.
  package static func insert(_ hold: HoldRow, in tx: borrowing Transaction) throws {
    try Tenants.lockGovernance(hold.tenant, exclusive: true, in: tx)
    try tx.execute(
      insert,
      [
        .int8(hold.id), .int8(hold.tenant.rawValue), .int8Array(hold.custodians.map(\.rawValue)),
        .int8Array(hold.conversations.map(\.rawValue)),
        hold.from.map { .timestamp(microseconds: $0.microseconds) } ?? .null,
        hold.to.map { .timestamp(microseconds: $0.microseconds) } ?? .null, .bool(hold.silent),
        .bytes(hold.sealed), .timestamp(microseconds: hold.placedAt.microseconds), .bool(hold.byQuery),
      ])
  }

  package static func list(tenant: TenantID, activeOnly: Bool = false, in tx: borrowing Transaction) throws
    -> [HoldRow]
  {
    rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND (NOT $2 OR released_at IS NULL) ORDER BY placed_at, hold_id",
        [.int8(tenant.rawValue), .bool(activeOnly)]))
  }

  package static func find(_ id: Int64, in tx: borrowing Transaction) throws -> HoldRow? {
    rows(try tx.execute(select + " WHERE hold_id = $1", [.int8(id)])).first
  }

  /// Returns whether it was active.
  package static func release(
    _ id: Int64, sealed: [UInt8], at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      "UPDATE hold SET released_at = $2, sealed = $3 WHERE hold_id = $1 AND released_at IS NULL",
      [.int8(id), .timestamp(microseconds: now.microseconds), .bytes(sealed)]
    ).affected > 0
  }

  /// Notes that what was there at `time` has been read for the hold's query.
  package static func noteEvaluated(_ id: Int64, at time: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE hold SET evaluated_at = greatest(evaluated_at, $2) WHERE hold_id = $1 AND released_at IS NULL",
      [.int8(id), .timestamp(microseconds: time.microseconds)])
  }

  /// Messages a hold keeps, or kept, whatever their state, counted by state and tier-independent.
  package static func coverage(_ id: Int64, in tx: borrowing Transaction) throws -> [Locator.State: Int] {
    let rows = try tx.execute(coverage, [.int8(id)])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).compactMap { row in
        Locator.State(rawValue: Int16(rows.int64(row, 0))).map { ($0, Int(rows.int64(row, 1))) }
      })
  }

  /// Active holds that keep at least one message of the subject.
  package static func blocking(sender: SubjectID, in tx: borrowing Transaction) throws -> [(
    hold: Int64, messages: Int
  )] {
    let rows = try tx.execute(blockingSender, [.int8(sender.rawValue)])
    return (0..<rows.count).map { (rows.int64($0, 0), Int(rows.int64($0, 1))) }
  }

  /// Whether an active hold names the subject as custodian.
  package static func nameCustodian(_ subject: SubjectID, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(
      "SELECT 1 FROM hold WHERE released_at IS NULL AND $1 = ANY(custodians) LIMIT 1",
      [.int8(subject.rawValue)]
    ).count > 0
  }

  /// Holds of the given ids that are active, or were released later than `since`.
  package static func active(_ ids: [Int64], orReleasedSince since: Timestamp, in tx: borrowing Transaction)
    throws -> Set<Int64>
  {
    let rows = try tx.execute(
      "SELECT hold_id FROM hold WHERE hold_id = ANY($1) AND (released_at IS NULL OR released_at > $2)",
      [.int8Array(ids), .timestamp(microseconds: since.microseconds)])
    return Set((0..<rows.count).map { rows.int64($0, 0) })
  }

  /// Condition under which hold `h` covers the located message `l`: a custodian wrote it or was a member when it
  /// was sent, it lies in a named conversation, and inside the window.
  static let covers = """
    h.tenant_id = l.tenant_id
      AND (h.conversations = '{}' OR l.conversation_id = ANY(h.conversations))
      AND (h.from_at IS NULL OR l.created_at >= h.from_at) AND (h.to_at IS NULL OR l.created_at < h.to_at)
      AND (h.custodians = '{}' OR l.sender_id = ANY(h.custodians) OR EXISTS (
        SELECT 1 FROM membership m WHERE m.route_key = l.conversation_route AND m.conversation_id = l.conversation_id
          AND m.subject_id = ANY(h.custodians) AND m.visible_from <= l.created_at
          AND (m.left_at IS NULL OR l.created_at < m.left_at)))
    """

  /// Condition under which hold `h` keeps the located message `l`: it covers it, and its query, if it has one, is not
  /// known to leave it out. What is gone is judged by what it was when it went: its edits went with it.
  static let keeps = """
    \(covers)
      AND (NOT h.by_query OR NOT EXISTS (SELECT 1 FROM hold_finding f WHERE f.route_key = l.route_key
        AND f.message_low = l.message_low AND f.hold_id = h.hold_id AND f.finding = 3
        AND (f.edits = \(HoldFindings.edits) OR l.state NOT IN (1, 5))))
    """

  private static func rows(_ rows: PostgresRows) -> [HoldRow] {
    (0..<rows.count).map { row in
      HoldRow(
        id: rows.int64(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)),
        custodians: rows.text(row, 2).split(separator: ",").compactMap { Int64($0) }.map(SubjectID.init),
        conversations: rows.text(row, 3).split(separator: ",").compactMap { Int64($0) }.map(
          ConversationID.init),
        from: rows.timestampOrNil(row, 4).map { Timestamp(microseconds: $0) },
        to: rows.timestampOrNil(row, 5).map { Timestamp(microseconds: $0) }, silent: rows.bool(row, 6),
        byQuery: rows.bool(row, 10), sealed: rows.bytes(row, 7),
        placedAt: Timestamp(microseconds: rows.timestamp(row, 8)),
        releasedAt: rows.timestampOrNil(row, 9).map { Timestamp(microseconds: $0) },
        evaluatedAt: rows.timestampOrNil(row, 11).map { Timestamp(microseconds: $0) })
    }
  }

  private static let select = """
    SELECT hold_id, tenant_id, array_to_string(custodians, ','), array_to_string(conversations, ','), from_at, to_at,
      silent, sealed, placed_at, released_at, by_query, evaluated_at FROM hold
    """
  private static let insert = """
    INSERT INTO hold (hold_id, tenant_id, custodians, conversations, from_at, to_at, silent, sealed, placed_at,
      by_query)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    """
  private static let coverage = """
    SELECT l.state, count(*) FROM hold h, message_locator l WHERE h.hold_id = $1 AND \(keeps) GROUP BY l.state
    """
  private static let blockingSender = """
    SELECT h.hold_id, count(*) FROM message_locator l JOIN hold h ON \(keeps)
    WHERE l.sender_id = $1 AND l.state IN (1, 5) AND h.released_at IS NULL GROUP BY h.hold_id ORDER BY h.hold_id
    """
}
