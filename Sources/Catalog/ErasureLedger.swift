package import Model
package import Postgres

/// Who was erased, by keyed hash only: late deliveries and restored backups are checked against it.
package enum ErasureLedger {
  package static func contains(hashes: [[UInt8]], tenant: TenantID, in tx: borrowing Transaction) throws
    -> Set<[UInt8]>
  {
    let rows = try tx.execute(
      "SELECT subject_hash FROM erasure_ledger WHERE tenant_id = $1 AND subject_hash = ANY($2)",
      [.int8(tenant.rawValue), .bytesArray(hashes)])
    return Set((0..<rows.count).map { rows.bytes($0, 0) })
  }

  package static func record(
    _ hash: [UInt8], erasure: Int64, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      INSERT INTO erasure_ledger (tenant_id, subject_hash, erasure_id, recorded_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT DO NOTHING
      """,
      [
        .int8(tenant.rawValue), .bytes(hash), .int8(erasure), .timestamp(microseconds: now.microseconds),
      ])
  }

  package static func all(in tx: borrowing Transaction) throws -> [(
    tenant: TenantID, hash: [UInt8], erasure: Int64
  )] {
    let rows = try tx.execute(
      "SELECT tenant_id, subject_hash, erasure_id FROM erasure_ledger ORDER BY recorded_at")
    return (0..<rows.count).map {
      (TenantID(rawValue: rows.int64($0, 0)), rows.bytes($0, 1), rows.int64($0, 2))
    }
  }
}
