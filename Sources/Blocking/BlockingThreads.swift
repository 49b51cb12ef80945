/// OS threads of one owner, for blocking work that may take as long as a network lets it: on the threads that
/// `runBlocking` shares, a server that hangs would stop everyone's.
package final class BlockingThreads: Sendable {
  private let threads: WorkerThreads<@Sendable () -> Void>

  /// - Parameters:
  ///   - name: shown by `top -H` and debuggers; the first 15 bytes count.
  ///   - limit: threads at most; they start as they are needed.
  ///   - nice: see ``ThreadNice``.
  package init(name: String, limit: Int, nice: CInt = 0) {
    threads = WorkerThreads(name: name, limit: limit, nice: nice) { $0() }
  }

  deinit { threads.stop() }

  /// As `runBlocking`, on these threads.
  package func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try Task.checkCancellation()
    return try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<R, any Error>) in
      threads.add { continuation.resume(with: Result { try body() }) }
    }
  }
}
