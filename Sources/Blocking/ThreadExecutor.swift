/// One OS thread as an executor: an actor that blocks in C (libpq, Xapian, fsync) lives on its own.
///
/// ```swift
/// actor Connection {
///   private let executor = ThreadExecutor(name: "postgres")
///   nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
/// }
/// ```
/// A blocked actor then never takes a thread of Swift's pool. As a task executor it also runs a whole task
/// without hops: `addTask(executorPreference: executor)`.
package final class ThreadExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  // @unchecked: `threads` guards itself; nothing else is stored.
  private let threads: WorkerThreads<Entry>

  /// - Parameters:
  ///   - name: shown by `top -H` and debuggers; the first 15 bytes count.
  ///   - nice: see ``ThreadNice``.
  package init(name: String, nice: CInt = 0) {
    threads = WorkerThreads(name: name, limit: 1, nice: nice) { entry in
      unsafe entry.job.runSynchronously(
        isolatedTo: entry.executor.asUnownedSerialExecutor(),
        taskExecutor: entry.executor.asUnownedTaskExecutor())
    }
  }

  deinit { threads.stop() }

  /// Lets the thread end once its queue is empty. A job that comes later starts it again, so calling this too
  /// early costs a thread start and loses nothing.
  package func stop() { threads.stop() }

  package func enqueue(_ job: consuming ExecutorJob) {
    threads.add(Entry(job: UnownedJob(job), executor: self))
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  package func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

  /// Keeps the executor alive while its job runs: the job may release the last actor that owns it.
  private struct Entry: Sendable {
    let job: UnownedJob
    let executor: ThreadExecutor
  }
}
