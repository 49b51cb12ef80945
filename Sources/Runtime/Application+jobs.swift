package import Catalog
package import Erasure
package import Exporting
import Foundation
package import History
import KeyVault
import Model
import Postgres
package import Retention

/// Somebody else is at it. `description` is safe to show.
package struct LeaseHeld: Error, CustomStringConvertible {
  package let name: String
  package var description: String { "another process is running \(name) right now" }
}

extension Application {
  /// One tenant by name, or all of them.
  package func tenants(_ name: String?) async throws -> [Tenant] {
    if let name { return [try await tenant(name)] }
    return try await database.transaction { tx in try Tenants.all(in: tx) }
  }

  package func exporter(_ directory: Directory) -> Exporter {
    Exporter(
      directory: directory, database: database, vault: vault, history: history, audit: audit,
      home: settings.home, settings: settings.exporting, now: Self.clock)
  }

  package func retention(_ directory: Directory) -> RetentionService {
    RetentionService(
      directory: directory, database: database, vault: vault, history: history, audit: audit,
      groups: settings.indexGroups, graceSeconds: settings.retentionGraceSeconds, now: Self.clock)
  }

  package func holds(_ directory: Directory) -> HoldService {
    HoldService(directory: directory, database: database, vault: vault, audit: audit, now: Self.clock)
  }

  package func erasure(_ directory: Directory) -> ErasureService {
    let exporter = exporter(directory)
    return ErasureService(
      directory: directory, database: database, vault: vault, history: history, index: index, audit: audit,
      settings: ErasureService.Settings(
        home: settings.home, groups: settings.indexGroups, backupWindowSeconds: settings.backupWindowSeconds,
        graceSeconds: settings.retentionGraceSeconds),
      deletePackages: { _ = try await exporter.deleteWithdrawn() }, now: Self.clock)
  }

  /// Erases again everybody the ledger names and the database has; returns how many that were.
  package func replayErasures(actor: String) async throws -> Int {
    let revived = try await ErasureService.revived(database: database, home: settings.home)
    let tenants = try await tenants(nil)
    for entry in revived {
      guard let tenant = tenants.first(where: { $0.id == entry.tenant }) else { continue }
      _ = try await erasure(directory(tenant)).replay(entry, actor: actor)
    }
    // Key shards that were rotated since the backup wait for this, so that no destroyed key comes back.
    _ = try await vault.rotate(
      now: Self.clock(), backupWindowSeconds: settings.backupWindowSeconds, afterReplay: true)
    return revived.count
  }
}
