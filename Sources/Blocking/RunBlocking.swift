/// Threads for short blocking work that belongs to no actor: fsync, zstd on large input, password hashing.
private let sharedThreads = BlockingThreads(name: "blocking", limit: blockingThreadsMax)

/// More would only queue on the same disk and cores.
package let blockingThreadsMax = 4

/// Runs `body` on one of ``blockingThreadsMax`` shared OS threads and returns what it returns or throws.
///
/// Never for work that waits for other `runBlocking` work: with all threads waiting none would be left to
/// run it. Cancellation does not interrupt `body`; a task that is cancelled before its turn throws
/// `CancellationError`.
package func runBlocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await sharedThreads.run(body)
}
