package import Catalog
import Erasure
import Exporting
package import History
package import Ingestion
import KeyVault
import Model
import Postgres
import Retention
package import Search
import SearchIndex
import Segments
package import Tiering

extension Application {
  package static let defaultTenant = "default"

  /// The tenant of that name, or the only sensible one when none is named.
  package func tenant(_ name: String?) async throws -> Tenant {
    let name = name ?? Self.defaultTenant
    let found = try await database.transaction { tx in try Tenants.find(name, in: tx) }
    guard let found else {
      throw CatalogError(
        .unknownTenant, "there is no tenant of that name; make it with `muniment init --tenant NAME`")
    }
    return found
  }

  package func directory(_ tenant: Tenant) -> Directory {
    Directory(tenant: tenant, database: database, vault: vault)
  }

  package func ingestor(_ directory: Directory) -> Ingestor {
    Ingestor(
      directory: directory, database: database, vault: vault,
      settings: Ingestor.Settings(groups: settings.indexGroups, setAsideSeconds: settings.setAsideSeconds),
      now: Self.clock)
  }

  package var indexer: Indexer {
    Indexer(database: database, history: history, index: index, groups: settings.indexGroups)
  }

  /// Takes what is in the feed into the index. Writers hold its lock only while they have something to write, so
  /// that another one is waited for, within limits.
  /// - Returns: whether the index has it all now; if not, it stays behind until somebody follows the feed again.
  package func followFeed(progress: @escaping @Sendable (Indexer.Progress) -> Void = { _ in }) async throws
    -> Bool
  {
    let limit = ContinuousClock.now + Self.indexWaitMax
    while true {
      do {
        try await indexer.catchUp(progress: progress)
        return true
      } catch let error as SearchIndexError where error.code == .locked {
        if try await indexer.lag().values.allSatisfy({ $0 <= 0 }) { return true }
        guard ContinuousClock.now < limit else { return false }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  private static let indexWaitMax = Duration.seconds(20)

  package func conversationHistory(_ directory: Directory) -> ConversationHistory {
    ConversationHistory(directory: directory, history: history)
  }

  package func search(_ directory: Directory) -> MessageSearch {
    MessageSearch(
      directory: directory, history: history, index: index, indexer: indexer, groups: settings.indexGroups)
  }

  package func archiver(_ tenant: Tenant) -> Archiver {
    var archive = Archiver.Settings(scratch: settings.home + "/scratch", groups: settings.indexGroups)
    archive.segmentBytesTarget = settings.segmentBytes
    return Archiver(
      tenant: tenant, database: database, vault: vault, history: history, audit: audit, settings: archive,
      now: Self.clock)
  }
}
