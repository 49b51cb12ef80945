import Glibc

/// Runs `body` and its child tasks on threads of their own, behind what people wait for: for work that goes on for
/// minutes beside the serving of requests. On Swift's own pool, of one thread a core, requests would wait for its
/// turns.
///
/// Actors with an executor of their own stay on it, and so do blocking calls that are handed to other threads.
///
/// - Parameter body: concurrent, as it would otherwise begin on the thread of whoever calls.
package func runAsLongWork<R: Sendable, E: Error>(
  isolation: isolated (any Actor)? = #isolation, _ body: @concurrent @Sendable () async throws(E) -> R
) async throws(E) -> R {
  // As `withValue` does not pass the type of an error on.
  let result: Result<R, E> = await LongWork.$isRunning.withValue(true) {
    do throws(E) {
      return .success(try await withTaskExecutorPreference(longWork, operation: body))
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}

/// Runs `body` as requests are run although long work asks for it: for what has to happen in time, as the renewal of a
/// lease.
package func runAheadOfLongWork<R: Sendable>(
  isolation: isolated (any Actor)? = #isolation, _ body: @concurrent @Sendable () async throws -> R
) async throws -> R {
  try await LongWork.$isRunning.withValue(false) {
    try await withTaskExecutorPreference(globalConcurrentExecutor, operation: body)
  }
}

package enum LongWork {
  /// Whether the current task is long work, or was begun by it.
  @TaskLocal package static var isRunning = false
}

/// As many threads as Swift's own pool has, and two where that has one: the index does not wait for a job.
private let longWork = LongWorkExecutor(threads: max(2, sysconf(CInt(_SC_NPROCESSORS_ONLN))))

private final class LongWorkExecutor: TaskExecutor, @unchecked Sendable {
  // @unchecked: `threads` guards itself; nothing else is stored.
  private let threads: WorkerThreads<Entry>

  init(threads count: Int) {
    threads = WorkerThreads(name: "long-work", limit: count, nice: ThreadNice.writing) { entry in
      unsafe entry.job.runSynchronously(on: entry.executor.asUnownedTaskExecutor())
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    threads.add(Entry(job: UnownedJob(job), executor: self))
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

  private struct Entry: Sendable {
    let job: UnownedJob
    let executor: LongWorkExecutor
  }
}
