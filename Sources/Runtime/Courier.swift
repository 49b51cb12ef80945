import Catalog
import Curl
import Logging
import Model
import Postgres
import Server
import ServiceLifecycle

/// Carries out what controllers ask for, and tells them and others what they are to know. Any number of servers may
/// run one: what is to be sent is taken from the database by one of them at a time.
struct Courier: Service {
  let application: Application
  let logger: Logger

  private static let pause = Duration.seconds(1)

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await attempt("subject requests") { try await application.workSubjectRequests() }
        await attempt("deletions") { try await application.sendDeletions() }
        await attempt("callbacks") { try await application.sendCallbacks() }
        try? await Task.sleep(for: Self.pause)
      }
    }
  }

  private func attempt(_ what: String, _ body: () async throws -> Void) async {
    do {
      try await body()
    } catch is LeaseHeld {
      // Another server is at it.
    } catch {
      guard !Task.isCancelled else { return }
      logger.error(
        "the courier could not do its work", metadata: ["what": "\(what)", "error": "\(type(of: error))"])
    }
  }
}
