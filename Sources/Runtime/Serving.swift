import Erasure
import Foundation
import History
package import Logging
import Postgres
import Search
import Segments
package import Server
package import ServiceLifecycle
import UnixSignals

/// The service cannot start. `description` says what to do.
package struct ServingRefused: Error, CustomStringConvertible {
  package let description: String
}

extension Application {
  /// What the API works with.
  package func apiServices(version: String, hooks: APIServices.Hooks) -> APIServices {
    APIServices(
      database: database, vault: vault, audit: audit, index: index, groups: settings.indexGroups,
      home: settings.home, version: version,
      limits: .init(bodyBytesMax: settings.bodyBytesMax, requestsPerSecond: settings.requestsPerSecond),
      flows: .init(
        ingestor: { self.ingestor($0) }, conversations: { self.conversationHistory($0) },
        search: { self.search($0) },
        retention: { self.retention($0) }, holds: { self.holds($0) }, exporter: { self.exporter($0) },
        erasure: { self.erasure($0) }, subjectRequests: { self.subjectRequests($0) },
        notices: { self.notices($0) }),
      hooks: hooks, openDSR: settings.openDSR, sharedSecret: settings.sharedSecret, now: Self.clock)
  }

  /// Serves until SIGTERM or SIGINT; requests and runs under way are finished first.
  /// - Parameter onRunning: called with the port once requests are taken.
  package func serve(
    host: String, port: Int, version: String, logger: Logger,
    onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
  ) async throws {
    let group = try await serviceGroup(
      host: host, port: port, version: version, logger: logger, onRunning: onRunning)
    try await group.run()
  }

  /// HTTP, index and scheduler as one group; whoever runs it may also stop it.
  package func serviceGroup(
    host: String, port: Int, version: String, logger: Logger, handlesSignals: Bool = true,
    onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
  ) async throws -> ServiceGroup {
    guard try await ErasureService.revived(database: database, home: settings.home).isEmpty else {
      throw ServingRefused(
        description: "the database was restored from before an erasure, and erased people are in it again; "
          + "run `muniment erase replay` first")
    }
    // A second user of the embedded cluster beside the application's own, to start it again if it stops.
    let embedded = settings.databaseURL == nil ? try await EmbeddedPostgres.start(home: settings.home) : nil
    let scheduler = Scheduler(self, logger: logger)
    let server = APIServer(
      services: apiServices(version: version, hooks: hooks(scheduler, embedded)), logger: logger)
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: EmbeddedKeeper(embedded: embedded)),
        .init(service: scheduler),
        .init(service: Courier(application: self, logger: logger)),
        .init(service: ExportRunner(application: self, logger: logger)),
        .init(service: IndexFollower(application: self, logger: logger)),
        .init(service: server.service(host: host, port: port, onRunning: onRunning)),
      ], gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(Self.shutdownSecondsMax)
    return ServiceGroup(configuration: configuration)
  }

  /// After this long, what is still under way is cancelled; every flow survives that.
  private static let shutdownSecondsMax = 60

  private func hooks(_ scheduler: Scheduler, _ embedded: EmbeddedPostgres?) -> APIServices.Hooks {
    APIServices.Hooks(
      jobs: Job.allCases.map { JobSummary(name: $0.rawValue, purpose: $0.purpose) },
      startJob: { name, actor in
        guard let job = Job(rawValue: name) else { return nil }
        return try await scheduler.start(job, actor: actor)
      },
      pullsDeletions: settings.deletions.webhook == nil,
      problems: { try await self.problems() },
      indexLag: { try await self.indexer.lag() },
      reviveDatabase: { try await embedded?.restartIfStopped() },
      blockCache: { self.history.archive.cache.counts },
      processingReport: { try await self.processingReport($0) })
  }
}

/// Keeps the embedded cluster in use until everything else has stopped.
private struct EmbeddedKeeper: Service {
  let embedded: EmbeddedPostgres?

  func run() async throws {
    try? await gracefulShutdown()
    await embedded?.release()
  }
}
