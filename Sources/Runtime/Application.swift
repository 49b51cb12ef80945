package import AuditLog
import Catalog
import Foundation
package import History
import Ingestion
package import KeyVault
package import Model
package import Postgres
import Search
package import SearchIndex
import Segments
import Sodium
import Tiering

/// The composition root: everything a command or the server works with, opened once.
package final class Application: Sendable {
  package let settings: Settings
  package let database: PostgresPool
  package let vault: KeyVault
  package let audit: AuditLog
  package let index: SearchIndex
  package let history: HistoryReader
  let readerWindows = ReaderWindows()
  /// `nil` without `archive.replica`.
  let openReplica: @Sendable () throws -> (any SegmentStore)?
  private let embedded: EmbeddedPostgres?

  /// The clock of the product; commands and tests may not bend it.
  package static let clock: @Sendable () -> Timestamp = {
    Timestamp(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down)))
  }

  /// Opens the home, starting the embedded database where one is used. With `creating`, makes what is missing:
  /// home, keystore, schema, feed heads.
  package static func open(_ settings: Settings, creating: Bool = false) async throws -> Application {
    if creating {
      try FileManager.default.createDirectory(
        atPath: settings.home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      try KeyVault.create(directory: settings.home + "/keys", root: settings.rootKeySource)
    } else if !FileManager.default.fileExists(atPath: settings.home + "/keys") {
      throw SettingsError("there is no muniment home at \(settings.home); make one with `muniment init`")
    }
    let embedded = settings.databaseURL == nil ? try await EmbeddedPostgres.start(home: settings.home) : nil
    let database = PostgresPool(
      conninfo: settings.databaseURL ?? embedded?.conninfo ?? "", size: 6, applicationName: "muniment")
    do {
      try await Migrator().run(on: database)
      let groups = settings.indexGroups
      let stored = try await database.transaction { tx in
        try Feed.createHeads(groups: groups, in: tx)
        return try Feed.heads(in: tx).count
      }
      guard stored == groups else {
        throw SettingsError("setting index.groups is \(groups), but this home was made with \(stored)")
      }
      try await refuseForeignSegments(settings, database)
      return try Application(settings, database, embedded)
    } catch {
      await database.close()
      await embedded?.release()
      throw error
    }
  }

  /// A directory without an owner becomes this home's when its catalogue knows something of what is there; otherwise
  /// the objects are another home's, which an archive job would delete as leftovers.
  private static func refuseForeignSegments(_ settings: Settings, _ database: PostgresPool) async throws {
    let ids = try settings.objectStore.unclaimed().compactMap(SegmentName.id)
    guard !ids.isEmpty, try await !database.transaction({ tx in try Archive.knows(anyOf: ids, in: tx) })
    else {
      return
    }
    throw SettingsError(
      "the directory of object_store holds \(ids.count) segments that this home does not know; give object_store a "
        + "directory of its own, or restore the database that belongs to them")
  }

  private init(_ settings: Settings, _ database: PostgresPool, _ embedded: EmbeddedPostgres?) throws {
    self.settings = settings
    self.database = database
    self.embedded = embedded
    vault = try KeyVault(directory: settings.home + "/keys", database: database, root: settings.rootKeySource)
    audit = AuditLog(
      origin: settings.auditOrigin, signer: vault.signingKey("audit"), sealing: vault.derivedKey("audit"),
      witnesses: settings.auditWitnesses.compactMap { NoteKey(verifierKey: $0) })
    index = try SearchIndex(directory: settings.home + "/index", groups: settings.indexGroups)
    let owner = SHA256.hash(vault.signingKey("audit").publicKey).hex
    let store = try settings.objectStore.open(owner: owner, clock: Self.clock)
    // A replica that cannot be reached says so when it is asked, not now.
    let replica = settings.replicaStore
    openReplica = { try replica?.open(owner: owner, clock: Self.clock) }
    history = HistoryReader(
      database: database, vault: vault,
      archive: ArchiveReader(
        store: store, vault: vault, database: database,
        cache: BlockCache(bytesMax: settings.archiveCacheBytes)))
  }

  package func close() async {
    await index.close()
    await database.close()
    await embedded?.release()
  }

  /// Opens, lends, and closes again whatever happens.
  package static func with<R>(
    _ settings: Settings, creating: Bool = false, _ body: (Application) async throws -> R
  ) async throws -> R {
    let application = try await open(settings, creating: creating)
    do {
      let result = try await body(application)
      await application.close()
      return result
    } catch {
      await application.close()
      throw error
    }
  }
}
