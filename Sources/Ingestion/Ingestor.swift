import Catalog
package import History
package import KeyVault
package import Model
package import Postgres

/// Takes decoded events in: numbers the people and conversations, seals what is personal, and stores a batch in
/// one transaction together with the position of its source.
package struct Ingestor: Sendable {
  package struct Settings: Sendable {
    /// Index groups; fixed when the home is made.
    package var groups: Int
    /// How long input that was set aside is kept, in seconds.
    package var setAsideSeconds: Int64

    package init(groups: Int, setAsideSeconds: Int64 = 30 * 86_400) {
      self.groups = groups
      self.setAsideSeconds = setAsideSeconds
    }
  }

  package let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let settings: Settings
  /// `nil`: nobody is told what was deleted.
  let notices: DeletionNotices?
  let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, settings: Settings,
    notices: DeletionNotices? = nil, now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.settings = settings
    self.notices = notices
    self.now = now
  }

  /// Times a batch is prepared anew because somebody was erased or a partition went meanwhile.
  private static let attemptsMax = 4

  /// Stores a batch. When this returns, all of it is durable: stored, known already, or set aside.
  package func store(_ batch: IngestBatch) async throws -> IngestResult {
    for attempt in 1... {
      let prepared = try await prepare(batch)
      do {
        let result = try await database.transaction { tx in try prepared.store(in: tx) }
        for change in prepared.names where change.isImplied {
          directory.remember(names: change.names, of: change.subject)
        }
        return result
      } catch let error as CatalogError where error.code == .staleDirectory && attempt < Self.attemptsMax {
        directory.invalidate()
        vault.forget(prepared.lanes.keys.flatMap(\.owners))
      } catch let error as PostgresError where Self.isTransient(error) && attempt < Self.attemptsMax {
        continue
      }
    }
    preconditionFailure("unreachable: the last attempt returns or throws")
  }

  /// A partition was dropped between making it and using it (23514), or another process stored one of the ids in
  /// another group at the same moment (23505): the next attempt sees what happened.
  private static func isTransient(_ error: PostgresError) -> Bool {
    error.sqlState == "23514" || error.sqlState == "23505"
  }
}
