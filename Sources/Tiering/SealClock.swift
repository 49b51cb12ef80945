import Blocking
import Foundation
import Synchronization

/// What a run's time went into; reading and sealing go on side by side.
package final class SealClock: Sendable {
  package enum Phase: String, Sendable, CaseIterable {
    case dictionary, reading, sealing, storing, verifying, switching
  }

  private let sums = Mutex<[Phase: Duration]>([:])

  package init() {}

  func add(_ phase: Phase, since start: ContinuousClock.Instant) {
    let passed = start.duration(to: .now)
    sums.withLock { $0[phase, default: .zero] += passed }
  }

  package var seconds: [Phase: Double] { sums.withLock { $0.mapValues { $0 / .seconds(1) } } }
}

/// Work of the archive that several cores do together.
enum SealThreads {
  private static let count = max(1, min(8, ProcessInfo.processInfo.activeProcessorCount))
  private static let threads = BlockingThreads(
    name: "archive", limit: count, nice: ThreadNice.writing)

  /// What `body` makes of each number below `count`, in their order. Of several errors one is thrown.
  static func map<R: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) throws -> R) async throws
    -> [R]
  {
    let shared = SharedState<R>(count)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(Self.count, count) {
        group.addTask {
          try await threads.run {
            while let index = shared.take(below: count) { shared.put(try body(index), at: index) }
          }
        }
      }
      try await group.waitForAll()
    }
    return shared.all
  }

  private final class SharedState<R: Sendable>: Sendable {
    private let state: Mutex<(next: Int, results: [R?])>

    init(_ count: Int) { state = Mutex((0, [R?](repeating: nil, count: count))) }

    func take(below limit: Int) -> Int? {
      state.withLock { state in
        guard state.next < limit else { return nil }
        state.next += 1
        return state.next - 1
      }
    }

    func put(_ result: R, at index: Int) { state.withLock { $0.results[index] = result } }

    var all: [R] { state.withLock { $0.results.compactMap(\.self) } }
  }
}
