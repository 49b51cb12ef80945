package import Model
package import Postgres

/// The row that maps a person's keyed hash to the number the house uses, beside the sealed readable form.
package struct SubjectRow: Sendable {
  package enum State: Int16, Sendable { case active = 1, deactivated, erasing }
  package let id: SubjectID
  package let hash: [UInt8]
  package let state: State
  package let sealed: [UInt8]
}

package enum Subjects {
  package static func find(hashes: [[UInt8]], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [SubjectRow]
  {
    try rows(
      tx.execute(select + " AND hash = ANY($2)", [.int8(tenant.rawValue), .bytesArray(hashes)]))
  }

  package static func find(_ ids: [SubjectID], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [SubjectRow]
  {
    try rows(
      tx.execute(
        select + " AND subject_id = ANY($2)", [.int8(tenant.rawValue), .int8Array(ids.map(\.rawValue))]))
  }

  /// Adds rows whose hash is new, but for those of people whose erasure has begun since they were looked for; another
  /// process' row for the same hash wins.
  package static func insert(
    _ new: [(id: SubjectID, hash: [UInt8], sealed: [UInt8])], tenant: TenantID, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      insert,
      [
        .int8(tenant.rawValue), .int8Array(new.map(\.id.rawValue)), .bytesArray(new.map(\.hash)),
        .bytesArray(new.map(\.sealed)), .timestamp(microseconds: now.microseconds),
      ])
  }

  package static func update(
    _ id: SubjectID, sealed: [UInt8], state: SubjectRow.State, tenant: TenantID, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      updateSealed,
      [
        .int8(tenant.rawValue), .int8(id.rawValue), .bytes(sealed), .int2(state.rawValue),
        .timestamp(microseconds: now.microseconds),
      ])
  }

  package static func set(
    _ state: SubjectRow.State, _ id: SubjectID, tenant: TenantID, in tx: borrowing Transaction
  ) throws {
    try tx.execute(updateState, [.int8(tenant.rawValue), .int8(id.rawValue), .int2(state.rawValue)])
  }

  /// Returns whether the subject was active.
  package static func deactivate(_ id: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws
    -> Bool
  {
    try tx.execute(
      "UPDATE subject SET state = 2 WHERE tenant_id = $1 AND subject_id = $2 AND state = 1",
      [.int8(tenant.rawValue), .int8(id.rawValue)]
    ).affected > 0
  }

  /// Those of the subjects that the platform has deactivated.
  package static func deactivated(_ ids: [SubjectID], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [SubjectID]
  {
    let rows = try tx.execute(
      "SELECT subject_id FROM subject WHERE tenant_id = $1 AND subject_id = ANY($2) AND state = 2",
      [.int8(tenant.rawValue), .int8Array(ids.map(\.rawValue))])
    return (0..<rows.count).map { SubjectID(rawValue: rows.int64($0, 0)) }
  }

  /// Keeps the rows as they are until the transaction ends, and says whether all of them are there and none is
  /// being erased. An erasure's change of state waits for the lock, so nothing is stored behind its back.
  package static func pin(_ ids: [SubjectID], tenant: TenantID, in tx: borrowing Transaction) throws -> Bool {
    let rows = try tx.execute(pin, [.int8(tenant.rawValue), .int8Array(ids.map(\.rawValue))])
    return rows.count == ids.count
  }

  package static func remove(_ id: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "DELETE FROM subject WHERE tenant_id = $1 AND subject_id = $2",
      [.int8(tenant.rawValue), .int8(id.rawValue)])
  }

  private static func rows(_ rows: PostgresRows) throws -> [SubjectRow] {
    (0..<rows.count).map {
      SubjectRow(
        id: SubjectID(rawValue: rows.int64($0, 0)), hash: rows.bytes($0, 1),
        state: SubjectRow.State(rawValue: Int16(rows.int64($0, 2))) ?? .active, sealed: rows.bytes($0, 3))
    }
  }

  private static let select = "SELECT subject_id, hash, state, sealed FROM subject WHERE tenant_id = $1"
  private static let insert = """
    INSERT INTO subject (tenant_id, subject_id, hash, state, sealed, updated_at)
    SELECT $1, id, hash, 1, sealed, $5 FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS n(id, hash, sealed)
    WHERE NOT EXISTS (SELECT 1 FROM erasure_ledger e WHERE e.tenant_id = $1 AND e.subject_hash = n.hash)
    ON CONFLICT DO NOTHING
    """
  private static let updateSealed =
    "UPDATE subject SET sealed = $3, state = $4, updated_at = $5 WHERE tenant_id = $1 AND subject_id = $2 AND state <> 3"
  private static let updateState = "UPDATE subject SET state = $3 WHERE tenant_id = $1 AND subject_id = $2"
  private static let pin =
    "SELECT 1 FROM subject WHERE tenant_id = $1 AND subject_id = ANY($2) AND state <> 3 ORDER BY subject_id FOR SHARE"
}
