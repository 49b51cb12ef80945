import Blocking
import Dispatch
import Glibc
import Testing

@Suite("Long work")
struct LongWorkTests {
  private static func nice() -> CInt { getpriority(CInt(PRIO_PROCESS.rawValue), 0) }

  @Test("it and its child tasks run on threads that stand behind others")
  func behind() async {
    let nices = await runAsLongWork {
      await withTaskGroup(of: CInt.self) { tasks in
        for _ in 0..<8 { tasks.addTask { Self.nice() } }
        var nices = [Self.nice()]
        for await nice in tasks { nices.append(nice) }
        return nices
      }
    }
    #expect(nices.count == 9)
    #expect(nices.allSatisfy { $0 >= ThreadNice.writing })
  }

  @Test("what it throws comes through, and whoever waited goes on where they were")
  func throwing() async {
    struct Failed: Error {}
    let before = Self.nice()
    await #expect(throws: Failed.self) { try await runAsLongWork { throw Failed() } }
    #expect(Self.nice() == before)
  }

  @Test("blocked, it does not stop other tasks", .timeLimit(.minutes(5)))
  func starvation() async {
    let gate = DispatchSemaphore(value: 0)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { await runAsLongWork { Self.wait(gate) } } }
      // On Swift's own pool none of these would run, and the gate would never open.
      for _ in 0..<100 { await Task { await Task.yield() }.value }
      for _ in 0..<8 { gate.signal() }
      await group.waitForAll()
    }
  }

  /// Blocks on purpose, which an asynchronous function may not do by itself.
  private static func wait(_ gate: DispatchSemaphore) { gate.wait() }
}
