import Blocking
import Glibc

/// How far behind searches the index's own work stands when cores are scarce: a commit or a merge may take a little
/// longer, a search may not wait for either.
enum ThreadNice {
  static let writing: CInt = 5
  static let sealing: CInt = 10

  /// Linux applies it to the calling thread alone. For threads that do nothing else, as it cannot be taken back without
  /// privileges. A system that refuses changes nothing but the order.
  static func set(_ nice: CInt) {
    let thread = CInt(PRIO_PROCESS.rawValue)
    // An operator who started the whole program further behind meant it.
    if getpriority(thread, 0) < nice { _ = setpriority(thread, 0, nice) }
  }
}

/// The thread on which a group's generations are sealed and merged.
actor SealingThread {
  private let executor: ThreadExecutor

  init(group: Int) { executor = ThreadExecutor(name: "index-seal-\(group)") }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func run<R: Sendable>(_ body: @Sendable () throws -> R) throws -> R {
    try Task.checkCancellation()
    ThreadNice.set(ThreadNice.sealing)
    return try body()
  }

  nonisolated func stop() { executor.stop() }
}
