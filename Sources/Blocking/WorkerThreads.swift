import Glibc

/// At most `limit` OS threads that run jobs from one queue, first come, first served.
///
/// Plain threads, because Swift's own pool has one thread per core and stalls when a job blocks in C. A
/// thread starts with the first job that finds none idle and ends after ``stop()`` once the queue is empty;
/// a job that comes later starts a thread anew, so that no job is ever lost.
@safe
final class WorkerThreads<Job: Sendable>: @unchecked Sendable {
  // @unchecked: everything mutable is read and written under `mutex` only.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let name: String
  private let limit: Int
  private let nice: CInt
  private let run: @Sendable (Job) -> Void
  /// Newest last; moved over to `next`, reversed, whenever that is empty: amortised constant time.
  private var arrived: [Job] = []
  private var next: [Job] = []
  private var threads = 0
  private var idle = 0
  private var isStopping = false

  init(name: String, limit: Int, nice: CInt = 0, run: @escaping @Sendable (Job) -> Void) {
    self.name = name
    self.limit = limit
    self.nice = nice
    self.run = run
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    // Each thread holds a reference, so none is left here.
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  func add(_ job: consuming Job) {
    unsafe pthread_mutex_lock(mutex)
    arrived.append(job)
    // A thread that is about to end still takes what it finds, but only `idle` ones are sure to wake.
    let starts = idle < arrived.count + next.count && threads < limit
    if starts { threads += 1 } else { unsafe pthread_cond_signal(condition) }
    unsafe pthread_mutex_unlock(mutex)
    if starts { start() }
  }

  /// Lets the threads end when nothing is left to do. Does not wait.
  func stop() {
    unsafe pthread_mutex_lock(mutex)
    isStopping = true
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  private func start() {
    let body = unsafe Unmanaged.passRetained(ThreadBody { self.work() })
    var thread = pthread_t()
    let failed = unsafe pthread_create(
      &thread, nil,
      { context in
        // Balances passRetained above: the thread owns its body.
        unsafe Unmanaged<ThreadBody>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    // Without a thread the jobs would wait for ever: out of threads is as fatal as out of memory.
    precondition(failed == 0, "the system refused a thread (limit on processes reached)")
    pthread_detach(thread)
  }

  private func work() {
    nameThread()
    // Not even to 0: a program that was started ahead of others stays there.
    if nice > 0 { ThreadNice.set(nice) }
    while let job = take() { run(job) }
  }

  /// Through /proc, as `pthread_setname_np` and `prctl` are not importable. A name is a comfort: failure is
  /// ignored.
  private func nameThread() {
    let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = unsafe write(file, bytes, bytes.count)
    close(file)
  }

  /// The next job, or nil when the thread shall end; then it is no longer counted.
  private func take() -> Job? {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while arrived.isEmpty && next.isEmpty {
      if isStopping {
        threads -= 1
        return nil
      }
      idle += 1
      unsafe pthread_cond_wait(condition, mutex)
      idle -= 1
    }
    if next.isEmpty {
      next = arrived.reversed()
      arrived.removeAll(keepingCapacity: true)
    }
    return next.removeLast()
  }
}

/// What a new thread is to do, as a class so that it can travel through C's `void *`.
private final class ThreadBody {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}
