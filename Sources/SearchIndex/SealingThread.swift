import Blocking

/// The thread on which a group's generations are sealed and merged.
actor SealingThread {
  private let executor: ThreadExecutor

  init(group: Int) { executor = ThreadExecutor(name: "index-seal-\(group)", nice: ThreadNice.sealing) }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func run<R: Sendable>(_ body: @Sendable () throws -> R) throws -> R {
    try Task.checkCancellation()
    return try body()
  }

  nonisolated func stop() { executor.stop() }
}
