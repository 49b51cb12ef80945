package import Catalog
package import Erasure
package import Exporting
import Foundation
package import History
import KeyVault
import Model
import Postgres
package import Retention
import SearchIndex
import Segments
import Tiering

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

  /// Of blocks an export comes back to, as a page ends within one.
  private static let exportCacheBytes = 4 << 20

  /// It reads nearly everything once: with a cache of its own it fills none, and pushes nothing out of the readers'.
  package func exporter(_ directory: Directory) -> Exporter {
    let cache = BlockCache(bytesMax: min(Self.exportCacheBytes, settings.archiveCacheBytes))
    let archive = ArchiveReader(store: history.archive.store, vault: vault, database: database, cache: cache)
    return Exporter(
      directory: directory, database: database, vault: vault,
      history: HistoryReader(database: database, vault: vault, archive: archive), audit: audit,
      home: settings.home, settings: settings.exporting, now: Self.clock)
  }

  package func retention(_ directory: Directory) -> RetentionService {
    RetentionService(
      directory: directory, database: database, vault: vault, history: history, audit: audit,
      groups: settings.indexGroups, graceSeconds: settings.retentionGraceSeconds,
      needsApproval: settings.retentionNeedsApproval, endsPeriods: settings.endsPeriods,
      notices: notices(directory), now: Self.clock)
  }

  /// For whoever has run retention, of however many tenants.
  package func dropPartitions() async throws {
    try await RetentionService.dropPartitions(in: database, at: Self.clock())
  }

  package func holds(_ directory: Directory) -> HoldService {
    HoldService(
      directory: directory, database: database, vault: vault, history: history, audit: audit, now: Self.clock)
  }

  package func erasure(_ directory: Directory) -> ErasureService {
    let exporter = exporter(directory)
    return ErasureService(
      directory: directory, database: database, vault: vault, history: history, index: index, audit: audit,
      settings: ErasureService.Settings(
        home: settings.home, groups: settings.indexGroups, backupWindowSeconds: settings.backupWindowSeconds,
        graceSeconds: settings.retentionGraceSeconds),
      deletePackages: { _ = try await exporter.deleteWithdrawn() },
      purgeDeleted: { try await self.purgeDeleted(directory.tenant, groups: $0) },
      followFeed: {
        guard try await self.followFeed() else { throw LeaseHeld(name: "the indexer") }
      },
      alone: { erasure, body in try await self.running(erasure, body) },
      notices: notices(directory),
      now: Self.clock)
  }

  /// One run of an erasure at a time, on all machines. That of a process which is no more may be gone on with at once:
  /// every step may be repeated, and the erasure's row is asked before and after.
  private func running(_ erasure: Int64, _ body: @escaping @Sendable () async throws -> Certificate)
    async throws
    -> Certificate
  {
    do {
      return try await holding(Handle.text("erasure", erasure), takingOverFromDead: true) { _ in
        try await body()
      }
    } catch let error as LeaseHeld where error.name == Handle.text("erasure", erasure) {
      throw ErasureError(.busy, error.description)
    }
  }

  /// Takes what was deleted out of the files of index groups and of the archive, which both would keep it until their
  /// own compaction.
  package func purgeDeleted(_ tenant: Tenant, groups: [Int]) async throws {
    guard try await followFeed() else { throw LeaseHeld(name: "the indexer") }
    for group in groups { try await purge(group) }
    _ = try await holding("archive") { lease in
      let archiver = self.archiver(tenant, lease: lease)
      // Erasures are replayed into a database that was restored, before anything may be deleted by its catalogue.
      return try await archiver.compact(
        dryRun: false, width: Self.neverMerges, sweeping: try await archiver.maySweep())
    }
  }

  /// More segments than a month ever has.
  private static let neverMerges = Int.max

  /// A service that follows the feed holds a group's lock for moments at a time: the purge waits for its turn.
  private func purge(_ group: Int) async throws {
    for attempt in 1... {
      do {
        try await index.purge(sequences: [], group: group)
        return
      } catch let error as SearchIndexError where error.code == .locked && attempt < 150 {
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  /// Erases again everybody the ledger names and the database has, or would let in; returns how many that were. The
  /// audit log says first that its database was restored.
  package func replayErasures(actor: String) async throws -> Int {
    _ = try await keepCheckpoint(actor: actor)
    let revived = try await ErasureService.revived(database: database, home: settings.home)
    let tenants = try await tenants(nil)
    for entry in revived {
      guard let tenant = tenants.first(where: { $0.id == entry.tenant }) else { continue }
      _ = try await erasure(directory(tenant)).replay(entry, actor: actor)
    }
    // Key shards that were rotated since the backup wait for this, so that no destroyed key comes back.
    _ = try await rotateKeys(actor: actor, afterReplay: true)
    return revived.count
  }
}
