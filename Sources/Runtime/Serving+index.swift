import Foundation
import Logging
import Postgres
import Search
import SearchIndex
import ServiceLifecycle

/// Keeps the search index up with the feed, on one machine at a time; waits while another writer has the index.
struct IndexFollower: Service {
  let application: Application
  let logger: Logger

  private static let pause = Duration.seconds(1)
  private static let lease = "indexer"

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var failed = false
      while !Task.isCancelled {
        do {
          try await follow()
          failed = false
        } catch {
          // A lease or lock that another process has is no failure; others are told once until they pass.
          if !Self.isWaiting(error), !failed, !Task.isCancelled {
            logger.error("the index cannot follow the feed", metadata: ["error": "\(type(of: error))"])
            failed = true
          }
        }
        try? await Task.sleep(for: Self.pause)
      }
    }
  }

  /// Holds the lease as long as there is nothing in the way. Sealing what is full takes seconds to minutes, so it goes
  /// on beside the following, which new messages wait for.
  private func follow() async throws {
    let (indexer, pause) = (application.indexer, Self.pause)
    try await application.holding(Self.lease) {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await repeating(every: pause) { _ = try await indexer.catchUp(settling: false) } }
        tasks.addTask { try await repeating(every: pause * 10) { try await indexer.settle() } }
        defer { tasks.cancelAll() }
        try await tasks.next()
      }
    }
  }

  private func repeating(every pause: Duration, _ body: () async throws -> Void) async throws {
    while !Task.isCancelled {
      try await body()
      try? await Task.sleep(for: pause)
    }
  }

  private static func isWaiting(_ error: any Error) -> Bool {
    error is LeaseHeld || (error as? SearchIndexError)?.isRetryable == true
      || (error as? PostgresError)?.isRetryable == true
  }
}
