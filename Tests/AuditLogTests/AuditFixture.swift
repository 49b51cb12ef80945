import AuditLog
import Model
import Postgres
import Sodium
import TestSupport

/// A log in a database of its own.
struct AuditFixture {
  static let time = Timestamp(civil: 2025, 3, 1)
  static let sealing = SecretBytes([UInt8](repeating: 3, count: 32))

  let pool: PostgresPool
  let log: AuditLog

  static func make() async throws -> AuditFixture {
    let database = try await TestDatabase.make(migrationsFrom: TestDatabase.schema)
    let signer = try SigningKey(seed: SecretBytes([UInt8](repeating: 1, count: 32)))
    return AuditFixture(
      pool: database.pool, log: AuditLog(origin: "example.org/audit", signer: signer, sealing: sealing))
  }

  static func entry(_ number: Int, tenant: Int64? = 1) -> AuditEntry {
    AuditEntry(
      tenant: tenant.map { TenantID(rawValue: $0) }, actor: "dpo", action: "hold.placed",
      object: "hold/\(number)",
      details: ["number": String(number)])
  }

  /// Appends `count` entries in batches of `batch`.
  func append(_ count: Int, batch: Int = 100) async throws {
    let log = log
    for start in stride(from: 0, to: count, by: batch) {
      _ = try await pool.transaction { tx in
        try log.append((start..<min(start + batch, count)).map { Self.entry($0) }, at: Self.time, in: tx)
      }
    }
  }

  func checkpoint() async throws -> String {
    let log = log
    return try await pool.transaction { tx in try log.checkpoint(in: tx, at: Self.time) }
  }

  func execute(_ sql: String) async throws {
    try await pool.transaction { tx in try tx.executeScript(sql) }
  }

  func verify(_ checkpoint: String? = nil) async throws -> AuditVerification {
    try await log.verify(checkpoint: checkpoint, on: pool)
  }
}
