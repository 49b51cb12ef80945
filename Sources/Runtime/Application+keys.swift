import AuditLog
import Catalog
import Postgres

extension Application {
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
