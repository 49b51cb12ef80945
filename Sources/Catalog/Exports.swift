package import Model
package import Postgres

/// A package that was made, is being made, or was withdrawn. Path and selection are sealed.
package struct ExportRow: Sendable {
  package enum State: String, Sendable { case running, completed, failed, withdrawn, cancelled }
  /// Why a package's content is gone while its record stays.
  package enum Removal: String, Sendable { case deleted, expired }
  /// The newest run of one that is not finished.
  package struct Run: Sendable, Hashable {
    package let startedAt: Timestamp
    /// Messages that were written when it began.
    package let startedMessages: Int64
    package let beatAt: Timestamp
  }
  package let id: Int64
  package let tenant: TenantID
  package let state: State
  package let formats: [String]
  /// Whether the package lies in the house's own directory, where erasure may delete it.
  package let insideHome: Bool
  /// Empty once a withdrawn package is deleted.
  package let sealed: [UInt8]
  package let messages: Int64
  /// SHA-256 of the manifest; `nil` until completed.
  package let manifestHash: [UInt8]?
  package let createdAt: Timestamp
  package let finishedAt: Timestamp?
  /// The hold it was made for.
  package let hold: Int64?
  /// Messages it was to have, as counted at its start.
  package var expected: Int64 = 0
  package var run: Run?
  /// Of the package as it was handed out.
  package var contentBytes: Int64 = 0
  package var expiresAt: Timestamp?
  package var removal: (reason: Removal, at: Timestamp)?
  /// Nobody waits for it: a server writes it by itself.
  package var isUnattended = false
  /// The code of the error that ended a failed one, if that is known.
  package var failure: String?

  package init(
    id: Int64, tenant: TenantID, state: State = .running, formats: [String], insideHome: Bool,
    sealed: [UInt8],
    messages: Int64 = 0, manifestHash: [UInt8]? = nil, createdAt: Timestamp, finishedAt: Timestamp? = nil,
    hold: Int64? = nil
  ) {
    self.id = id
    self.tenant = tenant
    self.state = state
    self.formats = formats
    self.insideHome = insideHome
    self.sealed = sealed
    self.messages = messages
    self.manifestHash = manifestHash
    self.createdAt = createdAt
    self.finishedAt = finishedAt
    self.hold = hold
  }
}

package enum Exports {
  package static func insert(_ row: ExportRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      insert,
      [
        .int8(row.id), .int8(row.tenant.rawValue), .text(row.state.rawValue), .textArray(row.formats),
        .bool(row.insideHome), .bytes(row.sealed), .timestamp(microseconds: row.createdAt.microseconds),
        row.hold.map { .int8($0) } ?? .null, .bool(row.isUnattended),
      ])
  }

  /// Notes whose data is inside, before it is written: an erasure finds the package by it.
  package static func add(_ subjects: [SubjectID], to export: Int64, in tx: borrowing Transaction) throws {
    guard !subjects.isEmpty else { return }
    try tx.execute(addSubjects, [.int8(export), .int8Array(subjects.map(\.rawValue))])
  }

  /// How many people are named inside.
  package static func people(in export: Int64, in tx: borrowing Transaction) throws -> Int {
    Int(try tx.execute(countSubjects, [.int8(export)]).int64(0, 0))
  }

  /// Whether somebody inside the package is being erased, or is erased and nothing of them is kept as evidence. Keeps
  /// the others' rows as they are until the
  /// transaction ends: an erasure that starts later finds the package completed, and withdraws it.
  package static func namesErased(_ export: Int64, tenant: TenantID, in tx: borrowing Transaction) throws
    -> Bool
  {
    let pinned = try tx.execute(pinSubjects, [.int8(export), .int8(tenant.rawValue)]).count
    let kept = try tx.execute(pinPreserved, [.int8(export), .int8(tenant.rawValue)])
    let people = pinned + Set((0..<kept.count).map { kept.int64($0, 0) }).count
    return Int64(people) != (try tx.execute(countSubjects, [.int8(export)]).int64(0, 0))
  }

  /// Returns `false` if the export is not running any more: it was withdrawn, or given up for dead.
  package static func complete(
    _ export: Int64, messages: Int64, manifestHash: [UInt8], sealed: [UInt8], at now: Timestamp,
    in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      complete,
      [
        .int8(export), .int8(messages), .bytes(manifestHash), .bytes(sealed),
        .timestamp(microseconds: now.microseconds),
      ]
    ).affected > 0
  }

  /// Returns whether it was running.
  /// - Parameter reason: a code, without anything of what was asked for.
  package static func fail(
    _ export: Int64, because reason: String? = nil, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    let values: [PostgresValue] = [
      .int8(export), .timestamp(microseconds: now.microseconds), reason.map { .text($0) } ?? .null,
    ]
    let failed = try tx.execute(fail, values).affected > 0
    if failed { try tx.execute(removeSubjects, [.int8(export)]) }
    return failed
  }

  /// Withdraws every package that names the subject, also one that is being made: it cannot complete any more.
  /// Call it after the subject's state is `erasing`. The files are still there when this returns.
  package static func withdraw(containing subject: SubjectID, at now: Timestamp, in tx: borrowing Transaction)
    throws
    -> [ExportRow]
  {
    rows(
      try tx.execute(
        withdraw + columns, [.int8(subject.rawValue), .timestamp(microseconds: now.microseconds)]))
  }

  /// How many packages that name the subject are not withdrawn.
  package static func count(containing subject: SubjectID, in tx: borrowing Transaction) throws -> Int {
    Int(try tx.execute(countContaining, [.int8(subject.rawValue)]).int64(0, 0))
  }

  /// Withdrawn packages that name the subject and are not deleted yet, oldest first, at most `limit`: the house's own,
  /// or those that were handed over.
  package static func withdrawn(
    containing subject: SubjectID, handedOver: Bool, limit: Int, in tx: borrowing Transaction
  ) throws -> [Int64] {
    let rows = try tx.execute(
      withdrawnContaining, [.int8(subject.rawValue), .bool(handedOver), .int8(Int64(limit))])
    return (0..<rows.count).map { rows.int64($0, 0) }
  }

  /// The files are gone: forgets where they were, what was selected and whose data it was.
  package static func forget(_ export: Int64, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE export SET sealed = '' WHERE export_id = $1 AND state = 'withdrawn'", [.int8(export)])
    try tx.execute(removeSubjects, [.int8(export)])
  }

  package static func find(_ export: Int64, in tx: borrowing Transaction) throws -> ExportRow? {
    rows(try tx.execute("SELECT \(columns) FROM export WHERE export_id = $1", [.int8(export)])).first
  }

  /// Oldest first; of one state, or of every.
  package static func list(tenant: TenantID, state: ExportRow.State? = nil, in tx: borrowing Transaction)
    throws
    -> [ExportRow]
  {
    rows(
      try tx.execute(
        """
        SELECT \(columns) FROM export WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2)
        ORDER BY created_at, export_id
        """, [.int8(tenant.rawValue), state.map { .text($0.rawValue) } ?? .null]))
  }

  static func rows(_ rows: PostgresRows) -> [ExportRow] {
    (0..<rows.count).map { row in
      func time(_ column: Int) -> Timestamp? {
        rows.timestampOrNil(row, column).map { Timestamp(microseconds: $0) }
      }
      var export = ExportRow(
        id: rows.int64(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)),
        state: ExportRow.State(rawValue: rows.text(row, 2)) ?? .failed,
        formats: rows.text(row, 3).split(separator: ",").map(String.init), insideHome: rows.bool(row, 4),
        sealed: rows.bytes(row, 5), messages: rows.int64(row, 6), manifestHash: rows.bytesOrNil(row, 7),
        createdAt: Timestamp(microseconds: rows.timestamp(row, 8)), finishedAt: time(9),
        hold: rows.isNull(row, 10) ? nil : rows.int64(row, 10))
      export.expected = rows.int64(row, 11)
      if let started = time(12), let beat = time(14) {
        export.run = .init(startedAt: started, startedMessages: rows.int64(row, 13), beatAt: beat)
      }
      export.contentBytes = rows.int64(row, 15)
      export.expiresAt = time(16)
      if let at = time(17), let reason = rows.textOrNil(row, 18).flatMap(ExportRow.Removal.init) {
        export.removal = (reason, at)
      }
      export.isUnattended = rows.bool(row, 19)
      export.failure = rows.textOrNil(row, 20)
      return export
    }
  }

  static let columns = """
    export_id, tenant_id, state, array_to_string(formats, ','), inside_home, sealed, message_count, manifest_hash,
      created_at, finished_at, hold_id, expected_count, started_at, started_count, beat_at, content_bytes, expires_at,
      removed_at, removal, unattended, failure
    """
  private static let insert = """
    INSERT INTO export (export_id, tenant_id, state, formats, inside_home, sealed, created_at, hold_id, unattended)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """
  private static let addSubjects = """
    INSERT INTO export_subject (export_id, subject_id) SELECT DISTINCT $1::bigint, s FROM unnest($2::bigint[]) AS n(s)
    ON CONFLICT DO NOTHING
    """
  static let removeSubjects = "DELETE FROM export_subject WHERE export_id = $1"
  private static let countSubjects = "SELECT count(*) FROM export_subject WHERE export_id = $1"
  private static let pinPreserved = """
    SELECT e.subject_id FROM export_subject e JOIN preservation p ON p.subject_id = e.subject_id
    WHERE e.export_id = $1 AND p.tenant_id = $2
      AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.tenant_id = $2 AND s.subject_id = e.subject_id)
    ORDER BY p.preservation_id FOR SHARE OF p
    """
  private static let pinSubjects = """
    SELECT 1 FROM subject WHERE tenant_id = $2 AND state <> 3
      AND subject_id IN (SELECT subject_id FROM export_subject WHERE export_id = $1)
    ORDER BY subject_id FOR SHARE
    """
  private static let complete = """
    UPDATE export SET state = 'completed', message_count = $2, manifest_hash = $3, sealed = $4, finished_at = $5
    WHERE export_id = $1 AND state = 'running'
    """
  private static let fail = """
    UPDATE export SET state = 'failed', finished_at = $2, failure = $3 WHERE export_id = $1 AND state = 'running'
    """
  private static let withdraw = """
    UPDATE export SET state = 'withdrawn', finished_at = $2 WHERE state IN ('running', 'completed', 'cancelled')
      AND export_id IN (SELECT export_id FROM export_subject WHERE subject_id = $1)
    RETURNING
    """ + " "
  // What never got its name was handed to nobody.
  private static let withdrawnContaining = """
    SELECT e.export_id FROM export_subject s JOIN export e ON e.export_id = s.export_id
    WHERE s.subject_id = $1 AND e.state = 'withdrawn' AND e.sealed <> ''
      AND (e.manifest_hash IS NOT NULL AND NOT e.inside_home) = $2
    ORDER BY e.created_at, e.export_id LIMIT $3
    """
  private static let countContaining = """
    SELECT count(*) FROM export_subject s JOIN export e ON e.export_id = s.export_id
    WHERE s.subject_id = $1 AND e.state IN ('running', 'completed', 'cancelled')
    """
}
