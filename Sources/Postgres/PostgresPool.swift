import Blocking
import CPostgres

/// Whether a server answers, without logging in.
package enum PostgresPing: Sendable, Hashable {
  case accepting
  /// It runs but refuses for now: starting, stopping or recovering.
  case rejecting
  case unreachable
  case malformedConninfo
}

/// A bounded number of connections, opened when needed, lent in order of arrival for one transaction at a
/// time. What runs as long work has some of its own, so that requests never wait for its transactions.
package final class PostgresPool: Sendable {
  private let requests: ConnectionShare
  private let longWork: ConnectionShare

  /// Tries per transaction, the first included.
  package static let attemptsMax = 5
  /// Connections of long work: two groups of the index that are read at once, a nightly job, and an erasure or an
  /// export. More of these at a time take turns, one transaction each.
  package static let longWorkSize = 4

  /// - Parameters:
  ///   - conninfo: a libpq connection string or URI. Nothing is contacted yet.
  ///   - size: connections beside the ``longWorkSize`` that are opened for long work alone.
  package init(conninfo: String, size: Int = 4, applicationName: String = "muniment") {
    requests = ConnectionShare(size: size) {
      PooledConnection(conninfo: conninfo, applicationName: applicationName)
    }
    longWork = ConnectionShare(size: Self.longWorkSize) {
      PooledConnection(conninfo: conninfo, applicationName: applicationName, isForLongWork: true)
    }
  }

  /// The connections for the task that asks.
  private var share: ConnectionShare { LongWork.isRunning ? longWork : requests }

  /// Tasks that wait for a connection now.
  package var waiting: Int { requests.waiting + longWork.waiting }

  package static func ping(_ conninfo: String) async throws -> PostgresPing {
    guard !conninfo.utf8.contains(0) else { return .malformedConninfo }
    return try await runBlocking {
      switch unsafe PQping(conninfo) {
      case PQPING_OK: .accepting
      case PQPING_REJECT: .rejecting
      case PQPING_NO_RESPONSE: .unreachable
      default: .malformedConninfo
      }
    }
  }

  /// Runs `body` in a READ COMMITTED transaction and commits it.
  ///
  /// The whole body is repeated, at most ``attemptsMax`` times with growing, jittered pauses, when the
  /// transaction lost against another one or the connection was lost: it must have no effects outside of the
  /// database. Any other error rolls back and is rethrown. If the answer to COMMIT is lost, the server is
  /// asked what became of it, so that nothing is done twice.
  @discardableResult
  package func transaction<R: Sendable>(
    _ body: @escaping @Sendable (borrowing Transaction) throws -> R
  ) async throws -> R {
    try await share.lend { connection in
      try await repeated {
        await connection.attempt(body)
      } inquire: { number in
        try await isCommitted(number, on: connection)
      }
    }
  }

  /// Runs queries that change nothing, each by itself: what a READ COMMITTED transaction shows them is the same, as
  /// there too every statement sees what is committed when it begins. Spares three round trips of four for a single
  /// one. Repeated as ``transaction(_:)`` is.
  ///
  /// - Throws: `.misuse` for a statement that is no query, before it is sent.
  package func read<R: Sendable>(
    _ body: @escaping @Sendable (borrowing Transaction) throws -> R
  ) async throws -> R {
    try await share.lend { connection in
      try await repeated {
        await connection.attemptReading(body)
      } inquire: { _ in
        false
      }
    }
  }

  /// Runs one statement outside of any transaction, for those that demand it: `CREATE DATABASE`, `VACUUM`,
  /// `CREATE INDEX CONCURRENTLY`. Never repeated.
  package func executeAlone(_ sql: String) async throws {
    try await share.lend { try await $0.executeAlone(sql) }
  }

  /// Refuses new transactions, waits for those that run, and closes the connections.
  package func close() async {
    for share in [requests, longWork] { share.refuse() }
    for share in [requests, longWork] { await share.close() }
  }

  private func repeated<R: Sendable>(
    _ once: () async -> PooledConnection.Attempt<R>, inquire: (String) async throws -> Bool
  ) async throws -> R {
    var attempt = 1
    while true {
      let failure: PostgresError
      switch await once() {
      case .committed(let value): return value
      case .failed(let error): throw error
      case .repeatable(let error): failure = error
      case .undecided(let value, let transaction, let error):
        if try await inquire(transaction) { return value }
        failure = error
      }
      guard attempt < Self.attemptsMax else { throw failure }
      try await Backoff.pause(after: attempt, failure.code)
      attempt += 1
    }
  }

  /// Asks until the server knows. A cancelled task asks on: it must not take a committed transaction for
  /// failed.
  private func isCommitted(_ transaction: String, on connection: PooledConnection) async throws -> Bool {
    for attempt in 1...Backoff.inquiriesMax {
      if let known = try? await connection.isCommitted(transaction: transaction) { return known }
      // In a task of its own, as sleep ends at once in one that is cancelled.
      await Task { try? await Task.sleep(for: .milliseconds(min(50 * attempt, 500))) }.value
    }
    throw PostgresError(.outcomeUnknown)
  }
}

/// Pauses between tries: doubled each time and drawn at random, so that rivals do not meet again.
enum Backoff {
  /// About ten seconds in all, longer than a server needs to recover from a crash of one backend.
  static let inquiriesMax = 24

  static func pause(after attempt: Int, _ code: PostgresError.Code) async throws {
    // A conflict is over in milliseconds; a server needs longer to come back.
    let base = code == .connection ? 100.0 : 10.0
    let milliseconds = base * Double(1 << (attempt - 1)) * Double.random(in: 0.5...1.5)
    try await Task.sleep(for: .milliseconds(Int(milliseconds)))
  }
}
