import AuditLog
import Catalog
package import KeyVault
import Postgres

extension Application {
  /// Rotates the key-encryption keys of shards with destroyed keys, and writes into the audit log what was changed.
  package func rotateKeys(actor: String, afterReplay: Bool = false) async throws -> RotationReport {
    let report = try await vault.rotate(
      now: Self.clock(), backupWindowSeconds: settings.backupWindowSeconds, afterReplay: afterReplay)
    guard report.hasChanges else { return report }
    let (audit, now) = (audit, Self.clock())
    let details = [
      "rewrapped": String(report.keysRewrapped), "retired": String(report.keksRetired),
      "erased": String(report.keksErased), "completed": String(report.destructionsCompleted),
    ]
    try await database.transaction { tx in
      _ = try audit.append(
        try Tenants.all(in: tx).map {
          AuditEntry(
            tenant: $0.id, actor: actor, action: "keys.rotated", object: "key-encryption keys",
            details: details)
        }, at: now, in: tx)
    }
    return report
  }

  /// Writes into the audit log that somebody changes the root key.
  package func recordRootChange(actor: String) async throws {
    let (audit, now) = (audit, Self.clock())
    try await database.transaction { tx in
      let tenants = try Tenants.all(in: tx)
      _ = try audit.append(
        tenants.map {
          AuditEntry(tenant: $0.id, actor: actor, action: "keys.root_changed", object: "root key")
        },
        at: now, in: tx)
    }
  }
}
