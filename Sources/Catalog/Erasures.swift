package import Model
package import Postgres

/// A request to erase a person, and how far it has come.
package struct ErasureRow: Sendable {
  package enum State: String, Sendable {
    case requested, planned, approved, running, partial
    /// Done and certified, but for what holds and locked floors keep.
    case restricted
    case completed
    /// Ended without an erasure.
    case withdrawn, refused

    /// Whether somebody has to go on with it.
    package var isOpen: Bool { !isSettled && self != .withdrawn && self != .refused }
    /// Whether nothing more is owed to the person for now.
    package var isSettled: Bool { self == .completed || self == .restricted }
  }
  package let id: Int64
  package let tenant: TenantID
  package let subjectHash: [UInt8]
  /// `nil`: nobody of that id was known.
  package let subject: SubjectID?
  package let scope: ErasureScope
  package let state: State
  package let requestedAt: Timestamp
  package let dueAt: Timestamp
  package let requesterHash: [UInt8]
  package let approverHash: [UInt8]?
  package let approvedAt: Timestamp?
  package let completedAt: Timestamp?
  /// JSON.
  package let plan: String?
  package let steps: String
  package let certificate: String?
  /// Subject id and reason, until completion.
  package let sealed: [UInt8]?
}

package enum Erasures {
  package static func insert(
    id: Int64, tenant: TenantID, scope: ErasureScope = .subject, subjectHash: [UInt8], subject: SubjectID?,
    requesterHash: [UInt8], sealed: [UInt8],
    at now: Timestamp, due: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      INSERT INTO erasure (erasure_id, tenant_id, subject_hash, subject_id, state, requested_at, due_at,
        requester_hash, sealed, scope, conversation_route, conversation_id, message_high, message_low)
      VALUES ($1, $2, $3, $4, 'requested', $5, $6, $7, $8, $9, $10, $11, $12, $13)
      """,
      [
        .int8(id), .int8(tenant.rawValue), .bytes(subjectHash), subject.map { .int8($0.rawValue) } ?? .null,
        .timestamp(microseconds: now.microseconds), .timestamp(microseconds: due.microseconds),
        .bytes(requesterHash), .bytes(sealed),
      ] + scope.values)
  }

  package static func find(_ id: Int64, locking: Bool = false, in tx: borrowing Transaction) throws
    -> ErasureRow?
  {
    let rows = try tx.execute(select + " WHERE erasure_id = $1" + (locking ? " FOR UPDATE" : ""), [.int8(id)])
    return rows.count == 0 ? nil : row(rows, 0)
  }

  package static func list(tenant: TenantID?, in tx: borrowing Transaction) throws -> [ErasureRow] {
    let rows = try tx.execute(
      select + " WHERE $1::bigint IS NULL OR tenant_id = $1 ORDER BY requested_at, erasure_id",
      [tenant.map { .int8($0.rawValue) } ?? .null])
    return (0..<rows.count).map { row(rows, $0) }
  }

  package static func setPlan(_ id: Int64, plan: String, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      UPDATE erasure SET plan = $2, state = CASE WHEN state = 'requested' THEN 'planned' ELSE state END
      WHERE erasure_id = $1 AND state <> 'completed'
      """, [.int8(id), .json(plan)])
  }

  /// Returns whether it was planned still.
  package static func approve(
    _ id: Int64, approverHash: [UInt8], at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      """
      UPDATE erasure SET state = 'approved', approver_hash = $2, approved_at = $3
      WHERE erasure_id = $1 AND state = 'planned'
      """, [.int8(id), .bytes(approverHash), .timestamp(microseconds: now.microseconds)]
    ).affected > 0
  }

  /// Begins a run, or goes on with one. Returns whether the request is still one that may run: it may have been taken
  /// back since it was read. Its row stays as it is until the transaction ends.
  package static func begin(_ id: Int64, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(
      "UPDATE erasure SET state = 'running' WHERE erasure_id = $1 AND state IN ('approved', 'running', 'partial')",
      [.int8(id)]
    ).affected > 0
  }

  /// Notes how far a run has come; nothing once it has ended.
  package static func set(_ id: Int64, state: ErasureRow.State, steps: String, in tx: borrowing Transaction)
    throws
  {
    try tx.execute(
      "UPDATE erasure SET state = $2, steps = $3 WHERE erasure_id = $1 AND \(isUnderWay)",
      [.int8(id), .text(state.rawValue), .json(steps)])
  }

  /// Notes whom the request turned out to be about, if they came after it.
  package static func bind(_ id: Int64, to subject: SubjectID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE erasure SET subject_id = $2 WHERE erasure_id = $1 AND subject_id IS NULL",
      [.int8(id), .int8(subject.rawValue)])
  }

  /// Returns whether it was under way: of two runs at once, one certifies.
  package static func complete(
    _ id: Int64, certificate: String, steps: String, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      """
      UPDATE erasure SET state = 'completed', completed_at = $2, certificate = $3, steps = $4, sealed = NULL
      WHERE erasure_id = $1 AND \(isUnderWay)
      """,
      [.int8(id), .timestamp(microseconds: now.microseconds), .text(certificate), .json(steps)]
    ).affected > 0
  }

  /// As ``complete(_:certificate:steps:at:in:)``, where something has to stay for now.
  package static func restrict(
    _ id: Int64, certificate: String, steps: String, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      """
      UPDATE erasure SET state = 'restricted', certificate = $2, steps = $3, sealed = NULL
      WHERE erasure_id = $1 AND \(isUnderWay)
      """, [.int8(id), .text(certificate), .json(steps)]
    ).affected > 0
  }

  /// Opens an erasure again, whatever a restored database says of it: it was under way once.
  package static func reopen(_ id: Int64, subject: SubjectID?, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      UPDATE erasure SET state = 'running', completed_at = NULL, subject_id = $2 WHERE erasure_id = $1
      """, [.int8(id), subject.map { .int8($0.rawValue) } ?? .null])
  }

  /// What the database still holds of a subject, by kind; all zero once erased.
  package static func residue(
    subject: SubjectID, hash: [UInt8], tenant: TenantID, in tx: borrowing Transaction
  ) throws
    -> [(what: String, count: Int)]
  {
    let rows = try tx.execute(residue, [.int8(subject.rawValue), .bytes(hash), .int8(tenant.rawValue)])
    return (0..<rows.count).map { (rows.text($0, 0), Int(rows.int64($0, 1))) }
  }

  private static func row(_ rows: PostgresRows, _ row: Int) -> ErasureRow {
    ErasureRow(
      id: rows.int64(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)), subjectHash: rows.bytes(row, 2),
      subject: rows.int64OrNil(row, 3).map(SubjectID.init), scope: ErasureScope(rows, row, from: 15),
      state: ErasureRow.State(rawValue: rows.text(row, 4)) ?? .partial,
      requestedAt: Timestamp(microseconds: rows.timestamp(row, 5)),
      dueAt: Timestamp(microseconds: rows.timestamp(row, 6)), requesterHash: rows.bytes(row, 7),
      approverHash: rows.bytesOrNil(row, 8),
      approvedAt: rows.timestampOrNil(row, 9).map { Timestamp(microseconds: $0) },
      completedAt: rows.timestampOrNil(row, 10).map { Timestamp(microseconds: $0) },
      plan: rows.textOrNil(row, 11),
      steps: rows.text(row, 12), certificate: rows.textOrNil(row, 13), sealed: rows.bytesOrNil(row, 14))
  }

  private static let isUnderWay = "state IN ('running', 'partial', 'restricted')"
  private static let select = """
    SELECT erasure_id, tenant_id, subject_hash, subject_id, state, requested_at, due_at, requester_hash, approver_hash,
      approved_at, completed_at, plan::text, steps::text, certificate, sealed, scope, conversation_route, conversation_id,
      message_high, message_low FROM erasure
    """
  private static let residue = """
    SELECT 'messages', count(*) FROM message_locator l WHERE l.sender_id = $1 AND l.state IN (1, 5)
      AND NOT (l.state = 5 AND EXISTS (SELECT 1 FROM preserved_copy c WHERE c.message_high = l.route_key
        AND c.message_low = l.message_low))
    UNION ALL SELECT 'hot_rows', count(*) FROM message m WHERE m.tenant_id = $3 AND m.sender_id = $1
      AND (m.route_key, m.conversation_id) IN
        (SELECT conversation_route, conversation_id FROM message_locator WHERE sender_id = $1)
    UNION ALL SELECT 'changes', count(*) FROM amendment WHERE author_id = $1
    UNION ALL SELECT 'waiting_changes', count(*) FROM pending_change WHERE author_id = $1
    UNION ALL SELECT 'memberships', count(*) FROM subject_conversation WHERE route_key = $1 AND subject_id = $1
      AND NOT EXISTS (SELECT 1 FROM hold WHERE released_at IS NULL AND $1 = ANY(custodians))
    UNION ALL SELECT 'events', count(*) FROM retention_event WHERE route_key = $1 AND kind = 2 AND item_id = $1
      AND NOT EXISTS (SELECT 1 FROM message_locator WHERE sender_id = $1 AND state = 5)
    UNION ALL SELECT 'set_aside', count(*) FROM set_aside WHERE subject_id = $1
    UNION ALL SELECT 'name_tokens', count(*) FROM subject_token WHERE tenant_id = $3 AND subject_id = $1
    UNION ALL SELECT 'saved_searches', count(*) FROM saved_search
      WHERE tenant_id = $3 AND owner_kind = 1 AND owner_id = $1
    UNION ALL SELECT 'profile', count(*) FROM subject WHERE tenant_id = $3 AND (subject_id = $1 OR hash = $2)
    """
}
