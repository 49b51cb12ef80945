package import Catalog
import Erasure
import Exporting
package import History
package import Ingestion
package import JobQueue
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
    let wanted = name ?? Self.defaultTenant
    let found = try await database.read { tx in try Tenants.find(wanted, in: tx) }
    if let found { return found }
    if name == nil, case let others = try await tenants(nil), !others.isEmpty {
      let names = others.prefix(Self.tenantsNamedMax).map(\.name).joined(separator: ", ")
      throw CatalogError(
        .unknownTenant,
        "there is no tenant \(wanted); name yours with --tenant (there is: \(names)"
          + (others.count > Self.tenantsNamedMax ? ", …" : "") + ")")
    }
    throw CatalogError(
      .unknownTenant, "there is no tenant of that name; make it with `muniment init --tenant NAME`")
  }

  private static let tenantsNamedMax = 3

  package func directory(_ tenant: Tenant) -> Directory {
    Directory(tenant: tenant, database: database, vault: vault)
  }

  package func ingestor(_ directory: Directory) -> Ingestor {
    Ingestor(
      directory: directory, database: database, vault: vault,
      settings: Ingestor.Settings(groups: settings.indexGroups, setAsideSeconds: settings.setAsideSeconds),
      notices: notices(directory), now: Self.clock)
  }

  package var indexer: Indexer {
    Indexer(
      database: database, history: history, index: index, groups: settings.indexGroups,
      limits: settings.indexing, now: Self.clock)
  }

  package func conversationHistory(_ directory: Directory) -> ConversationHistory {
    ConversationHistory(directory: directory, history: history)
  }

  package func search(_ directory: Directory) -> MessageSearch {
    MessageSearch(
      directory: directory, history: history, index: index, indexer: indexer, groups: settings.indexGroups,
      known: readerWindows, deadlineMilliseconds: settings.searchSeconds * 1_000)
  }

  /// - Parameter lease: the archive's, for whoever changes it.
  package func archiver(
    _ tenant: Tenant, pace: Pace = Pace(), lease: Lease? = nil, actor: String = "archive"
  ) -> Archiver {
    var archive = Archiver.Settings(scratch: settings.home + "/scratch", groups: settings.indexGroups)
    archive.mark = settings.home + "/archive-mark"
    archive.segmentBytesTarget = settings.segmentBytes
    archive.replica = openReplica
    return Archiver(
      tenant: tenant, database: database, vault: vault, history: history, audit: audit, settings: archive,
      pace: pace, lease: lease, actor: actor, now: Self.clock)
  }
}
