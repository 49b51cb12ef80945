import Blocking
import Dispatch
import Glibc
import Synchronization
import Testing

@Suite("Threads for blocking work")
struct ThreadExecutorTests {
  private actor Resident {
    private let executor = ThreadExecutor(name: "resident")
    private var threads: Set<pthread_t> = []
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func visit() -> Int {
      threads.insert(pthread_self())
      return threads.count
    }
    /// Holds the actor's thread until the gate is opened by somebody else.
    func block(on gate: Gate) { gate.wait() }
    func stop() { executor.stop() }
  }

  /// A semaphore that may be waited on where a thread may block.
  private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func wait() { semaphore.wait() }
    func open(times: Int) { for _ in 0..<times { semaphore.signal() } }
  }

  @Test("an actor stays on one thread")
  func oneThread() async {
    let actor = Resident()
    for _ in 0..<100 { #expect(await actor.visit() == 1) }
  }

  @Test("blocked actors, more than there are cores, do not stop other tasks", .timeLimit(.minutes(5)))
  func starvation() async {
    await withTaskGroup(of: Void.self) { group in
      let gate = Gate()
      for _ in 0..<16 { group.addTask { await Resident().block(on: gate) } }
      // Were the actors blocking the shared pool, none of these would run, and the gate would never open.
      for _ in 0..<100 { await Task { await Task.yield() }.value }
      gate.open(times: 16)
      await group.waitForAll()
    }
  }

  @Test("a job that comes after stop still runs")
  func restart() async {
    let actor = Resident()
    _ = await actor.visit()
    await actor.stop()
    #expect(await actor.visit() >= 1)
  }

  @Test("blocking work returns and throws through")
  func blocking() async throws {
    struct Failed: Error {}
    #expect(try await runBlocking { 7 } == 7)
    await #expect(throws: Failed.self) { try await runBlocking { throw Failed() } }
  }

  private final class Load: Sendable {
    private let state = Mutex((now: 0, most: 0))
    var most: Int { state.withLock { $0.most } }
    func change(by step: Int) { state.withLock { $0 = ($0.now + step, max($0.most, $0.now + step)) } }
  }

  @Test("no more than the stated number of threads do blocking work at once")
  func bound() async throws {
    let load = Load()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<40 {
        group.addTask {
          try await runBlocking {
            load.change(by: 1)
            usleep(2_000)
            load.change(by: -1)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(load.most <= blockingThreadsMax)
  }

  @Test("two pieces of blocking work run side by side", .timeLimit(.minutes(5)))
  func sideBySide() async throws {
    // Each waits for the other: one thread alone would never end.
    let (first, second) = (Gate(), Gate())
    async let left: Void = runBlocking {
      first.open(times: 1)
      second.wait()
    }
    async let right: Void = runBlocking {
      second.open(times: 1)
      first.wait()
    }
    _ = try await (left, right)
  }
}
