package import Model
package import Postgres

/// A controller's request on behalf of a data subject.
package struct SubjectRequestRow: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable, Codable { case erasure, access, portability }
  package enum State: String, Sendable, Codable {
    case pending, completed, cancelled
    case inProgress = "in_progress"
  }
  /// What OpenDSR has no word for.
  package enum Outcome: String, Sendable, Codable {
    case complete, partial, restricted, denied
    case nothingHeld = "nothing_held"
  }

  package let tenant: TenantID
  /// The controller's.
  package let id: String
  package let kind: Kind
  package var state: State
  package var outcome: Outcome?
  /// Whether taking it in has ended.
  package var isReady: Bool
  /// Handles of the erasures or exports that carry it out.
  package var objects: [String]
  /// Whose package is to be made; nobody's any more once it is.
  package var subjects: [SubjectID]
  package let bodyHash: [UInt8]
  package let sealed: [UInt8]
  package let receivedAt: Timestamp
  package var expectedAt: Timestamp

  package init(
    tenant: TenantID, id: String, kind: Kind, bodyHash: [UInt8], sealed: [UInt8], receivedAt: Timestamp,
    expectedAt: Timestamp
  ) {
    (self.tenant, self.id, self.kind) = (tenant, id, kind)
    (state, outcome, isReady, objects, subjects) = (.pending, nil, false, [], [])
    (self.bodyHash, self.sealed, self.receivedAt, self.expectedAt) = (
      bodyHash, sealed, receivedAt, expectedAt
    )
  }
}

package enum SubjectRequests {
  /// Takes the controller's number; returns whether it was free, or taken by an attempt that died.
  package static func claim(
    _ row: SubjectRequestRow, abandonedBefore: Timestamp, in tx: borrowing Transaction
  )
    throws -> Bool
  {
    try tx.execute(
      claim,
      [
        .int8(row.tenant.rawValue), .text(row.id), .text(row.kind.rawValue), .bytes(row.bodyHash),
        .bytes(row.sealed), .timestamp(microseconds: row.receivedAt.microseconds),
        .timestamp(microseconds: row.expectedAt.microseconds),
        .timestamp(microseconds: abandonedBefore.microseconds),
      ]
    ).affected > 0
  }

  /// Gives the number back: nothing was taken in.
  package static func abandon(_ id: String, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "DELETE FROM subject_request WHERE tenant_id = $1 AND request_id = $2 AND NOT ready",
      [.int8(tenant.rawValue), .text(id)])
  }

  package static func setReady(_ row: SubjectRequestRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      UPDATE subject_request SET ready = true, objects = $3, subjects = $4, expected_at = $5
      WHERE tenant_id = $1 AND request_id = $2 AND NOT ready
      """,
      [
        .int8(row.tenant.rawValue), .text(row.id), .textArray(row.objects),
        .int8Array(row.subjects.map(\.rawValue)), .timestamp(microseconds: row.expectedAt.microseconds),
      ])
  }

  package static func find(
    _ id: String, tenant: TenantID, locking: Bool = false, in tx: borrowing Transaction
  ) throws -> SubjectRequestRow? {
    rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND request_id = $2" + (locking ? " FOR UPDATE" : ""),
        [.int8(tenant.rawValue), .text(id)])
    ).first
  }

  /// Notes what carries out a request that is being taken in, so that it is found if taking it in ends there.
  package static func setObjects(_ row: SubjectRequestRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE subject_request SET objects = $3 WHERE tenant_id = $1 AND request_id = $2 AND NOT ready",
      [.int8(row.tenant.rawValue), .text(row.id), .textArray(row.objects)])
  }

  /// Requests that may have something to be done or told, of all tenants: those first that have waited longest for a
  /// look. Whoever looks moves them on, or they keep others from their turn.
  package static func open(at now: Timestamp, limit: Int, in tx: borrowing Transaction) throws
    -> [SubjectRequestRow]
  {
    rows(
      try tx.execute(
        select + """
           WHERE ready AND next_work_at <= $1
            AND (state IN ('pending', 'in_progress') OR (kind = 'erasure' AND outcome IN ('restricted', 'partial')))
          ORDER BY next_work_at, received_at, request_id LIMIT $2
          """,
        [.timestamp(microseconds: now.microseconds), .int8(Int64(limit))]))
  }

  /// Not to be looked at again before then.
  package static func postpone(_ row: SubjectRequestRow, to next: Timestamp, in tx: borrowing Transaction)
    throws
  {
    try tx.execute(
      "UPDATE subject_request SET next_work_at = $3 WHERE tenant_id = $1 AND request_id = $2",
      [
        .int8(row.tenant.rawValue), .text(row.id), .timestamp(microseconds: next.microseconds),
      ])
  }

  /// Was looked at: not to be again before then, unless something moved it since `seen`.
  package static func rest(
    _ row: SubjectRequestRow, seen: Timestamp, until next: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      UPDATE subject_request SET next_work_at = $3 WHERE tenant_id = $1 AND request_id = $2 AND next_work_at <= $4
      """,
      [
        .int8(row.tenant.rawValue), .text(row.id), .timestamp(microseconds: next.microseconds),
        .timestamp(microseconds: seen.microseconds),
      ])
  }

  /// What carries a request out stands elsewhere now: it is looked at soon.
  package static func wake(object: String, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction)
    throws
  {
    try tx.execute(
      "UPDATE subject_request SET next_work_at = $3 WHERE tenant_id = $1 AND ready AND $2 = ANY(objects)",
      [.int8(tenant.rawValue), .text(object), .timestamp(microseconds: now.microseconds)])
  }

  /// Stores state, outcome, objects and subjects.
  package static func update(_ row: SubjectRequestRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      update,
      [
        .int8(row.tenant.rawValue), .text(row.id), .text(row.state.rawValue),
        row.outcome.map { .text($0.rawValue) } ?? .null, .textArray(row.objects),
        .int8Array(row.subjects.map(\.rawValue)), .timestamp(microseconds: row.expectedAt.microseconds),
      ])
  }

  private static func rows(_ rows: PostgresRows) -> [SubjectRequestRow] {
    (0..<rows.count).map { index in
      var row = SubjectRequestRow(
        tenant: TenantID(rawValue: rows.int64(index, 0)), id: rows.text(index, 1),
        kind: SubjectRequestRow.Kind(rawValue: rows.text(index, 2)) ?? .access,
        bodyHash: rows.bytes(index, 8), sealed: rows.bytes(index, 9),
        receivedAt: Timestamp(microseconds: rows.timestamp(index, 10)),
        expectedAt: Timestamp(microseconds: rows.timestamp(index, 11)))
      row.state = SubjectRequestRow.State(rawValue: rows.text(index, 3)) ?? .inProgress
      row.outcome = rows.textOrNil(index, 4).flatMap(SubjectRequestRow.Outcome.init)
      row.isReady = rows.bool(index, 5)
      row.objects = rows.text(index, 6).split(separator: ",").map(String.init)
      row.subjects = rows.text(index, 7).split(separator: ",").compactMap { Int64($0) }.map(SubjectID.init)
      return row
    }
  }

  private static let select = """
    SELECT tenant_id, request_id, kind, state, outcome, ready, array_to_string(objects, ','),
      array_to_string(subjects, ','), body_hash, sealed, received_at, expected_at FROM subject_request
    """
  private static let claim = """
    INSERT INTO subject_request AS r (tenant_id, request_id, kind, state, ready, body_hash, sealed, received_at,
      expected_at, next_work_at) VALUES ($1, $2, $3, 'pending', false, $4, $5, $6, $7, $6)
    ON CONFLICT (tenant_id, request_id) DO UPDATE SET received_at = excluded.received_at
    WHERE NOT r.ready AND r.body_hash = excluded.body_hash AND r.received_at < $8
    """
  private static let update = """
    UPDATE subject_request SET state = $3, outcome = $4, objects = $5, subjects = $6, expected_at = $7
    WHERE tenant_id = $1 AND request_id = $2
    """
}
