import Blocking
import FoundationEssentials
import Postgres
import Synchronization

/// A private PostgreSQL cluster under a data directory, started on demand and stopped with its last user.
///
/// Files below the home: `postgres/` (the cluster), `postgres.log`, and three lock files (`flock`, so that
/// the kernel lets go of them however a process ends):
/// - `postgres.start.lock`, exclusive: held by the one process that is starting the server.
/// - `postgres.users.lock`, shared: held by every process that uses the server, for as long as it does.
/// - `postgres.watch.lock`, exclusive: held by the watcher, a detached shell that waits for the exclusive
///   users lock, which it gets when the last user is gone, and then stops the server. A newcomer waits for that.
package final class EmbeddedPostgres: Sendable {
  /// What the cluster is for.
  package enum Purpose: Sendable {
    /// Keeps what it acknowledged.
    case service
    /// For tests: no fsync, many connections, and the watcher removes the whole home in the end.
    case disposable
  }

  /// How libpq reaches the server: role and database `muniment`, over a unix socket only its owner can open.
  package let conninfo: String
  private let cluster: Cluster
  private let users: Mutex<FileLock?>

  private init(conninfo: String, cluster: Cluster, users: FileLock) {
    self.conninfo = conninfo
    self.cluster = cluster
    self.users = Mutex(users)
  }

  /// Makes the cluster if there is none, starts its server if none runs, and keeps it running until
  /// ``release()`` or the end of this process.
  ///
  /// Throws `EmbeddedPostgresError` with what to do about it.
  package static func start(home: String, purpose: Purpose = .service) async throws -> EmbeddedPostgres {
    let cluster = try await runBlocking { try Cluster(home: home, purpose: purpose) }
    // First the shared lock: from here on no watcher stops the server. The wait may span a stop under way.
    let users = try await FileLock.acquire(cluster.file("postgres.users.lock"), .shared, seconds: 180)
    let conninfo = try await ensureRunning(cluster)
    return EmbeddedPostgres(conninfo: conninfo, cluster: cluster, users: users)
  }

  /// Starts the server again if it crashed or was killed. Does nothing while it answers.
  package func restartIfStopped() async throws {
    if try await PostgresPool.ping(conninfo) == .accepting { return }
    _ = try await Self.ensureRunning(cluster)
  }

  /// Gives up this process's use. The watcher stops the server when it was the last one.
  package func release() async {
    users.withLock { $0 = nil }
  }

  private static func ensureRunning(_ cluster: Cluster) async throws -> String {
    let starting = try await FileLock.acquire(cluster.file("postgres.start.lock"), .exclusive, seconds: 900)
    defer { withExtendedLifetime(starting) {} }
    let server = try await runBlocking {
      // Before all else: whoever kills this process in between still leaves nothing running.
      try Watcher.start(for: cluster)
      try cluster.create()
      return try Server(cluster)
    }
    return try await server.run()
  }
}

/// Why the private cluster could not be used.
package struct EmbeddedPostgresError: Error, Sendable, CustomStringConvertible {
  package enum Code: Sendable {
    /// PostgreSQL, or the version that made the cluster, is not installed.
    case notInstalled
    /// A directory cannot be used by the account that the server runs as.
    case unusableDirectory
    /// A program failed: `initdb`, `postgres`, `setpriv`.
    case programFailed
    /// A lock or the server was not ready in time.
    case timedOut
  }

  package let code: Code
  package let reason: String
  package let nextStep: String

  init(_ code: Code, _ reason: String, nextStep: String) {
    self.code = code
    self.reason = reason
    self.nextStep = nextStep
  }

  package var isRetryable: Bool { code == .timedOut }
  package var description: String { "embedded PostgreSQL: \(reason). Next: \(nextStep)" }
}
