import Blocking
import Catalog
import JobQueue
import Logging
import Postgres
import Search
import SearchIndex
import ServiceLifecycle

/// Keeps the search index up with the feed, on one machine at a time; waits while another writer has the index. Groups
/// whose files are damaged it rebuilds beside what is served.
struct IndexFollower: Service {
  let application: Application
  let logger: Logger
  private let notes = DamageNotes()

  init(application: Application, logger: Logger) {
    self.application = application
    self.logger = logger
  }

  /// How often what is known of damage and of generations to be sealed is looked at.
  private static let upkeepPause = Duration.seconds(2)
  private static let retryPause = Duration.seconds(1)

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var failed = false
      while !Task.isCancelled {
        do {
          try await runAsLongWork { try await hold() }
          failed = false
        } catch {
          // A lease or lock that another process has is no failure; others are told once until they pass.
          if !Self.isWaiting(error), !failed, !Task.isCancelled {
            logger.error("the index cannot follow the feed", metadata: ["error": "\(Self.name(error))"])
            failed = true
          }
        }
        try? await Task.sleep(for: Self.retryPause)
      }
    }
  }

  /// Holds the lease as long as there is nothing in the way.
  private func hold() async throws {
    try await application.holding(Application.followerLease, takingOverFromDead: true) { lease in
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await self.follow(lease) }
        tasks.addTask { try await self.keepUp(lease) }
        try await tasks.next()
        tasks.cancelAll()
      }
    }
  }

  /// Whoever takes messages in may be another process: the heads of the feed are looked at, which is one statement.
  private func follow(_ lease: Lease) async throws {
    let (indexer, pause) = (application.indexer, application.settings.indexPoll)
    while !Task.isCancelled {
      if try await indexer.lag().values.contains(where: { $0 > 0 }) {
        do {
          let pass = try await indexer.pass(settling: false, lease: lease)
          for group in pass.damaged { try await note(group) }
        } catch let error as SearchIndexError where error.code == .locked {
          // A command of this machine writes; it lets go when it is done.
        }
      }
      try? await Task.sleep(for: pause)
    }
  }

  /// Beside the following, as both take long: rebuilds what is damaged, seals what has grown to its limit.
  private func keepUp(_ lease: Lease) async throws {
    while !Task.isCancelled {
      let checks = try await application.database.transaction { tx in try IndexChecks.all(in: tx) }
      do {
        for check in checks where check.damage != nil {
          try await see(to: check, lease)
        }
        try await application.indexer.settle()
      } catch let error as SearchIndexError where error.code == .locked {
        // As above.
      }
      try? await Task.sleep(for: Self.upkeepPause)
    }
  }

  /// Reading the files costs less than a rebuild, and what readers and writers came by may lie in what they asked for.
  private func see(to check: IndexCheckRow, _ lease: Lease) async throws {
    let (group, sighting) = (check.group, check.sighting)
    let answer = notes.answer(to: sighting, group: group, at: .now)
    guard answer != .wait else { return }
    let areSound = answer == .check ? try await areFilesSound(group) : nil
    guard areSound != true else {
      notes.record(.foundSound, of: sighting, group: group, at: .now)
      logger.notice(
        "a group of the index was noted as damaged, and its files are sound",
        metadata: ["group": "\(group)", "noted": "\(sighting?.rawValue ?? "found in its files")"])
      return
    }
    logger.notice("rebuilding a damaged group of the index", metadata: ["group": "\(group)"])
    try await application.repair(group: group, lease: lease)
    if areSound == nil { notes.record(.rebuilt, of: sighting, group: group, at: .now) }
  }

  /// `nil`: it is written to faster than it can be read, and damage that was seen has to be believed.
  private func areFilesSound(_ group: Int) async throws -> Bool? {
    do {
      return try await application.checkFiles(group: group).isEmpty
    } catch let error as SearchIndexError where error.code == .busy {
      return nil
    }
  }

  private func note(_ group: Int) async throws {
    let now = Application.clock()
    let isNew = try await application.database.transaction { tx in
      try IndexChecks.note(.unwritable, group: group, at: now, in: tx)
    }
    if isNew { logger.error("a group of the index is damaged", metadata: ["group": "\(group)"]) }
  }

  /// A full disk is waited out as well, but somebody has to know of it.
  private static func isWaiting(_ error: any Error) -> Bool {
    if let error = error as? SearchIndexError { return error.isRetryable && error.code != .io }
    return Application.isIndexTaken(error) || (error as? PostgresError)?.isRetryable == true
  }

  private static func name(_ error: any Error) -> String {
    (error as? SearchIndexError)?.description ?? "\(type(of: error))"
  }
}
