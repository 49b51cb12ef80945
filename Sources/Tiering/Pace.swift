package import Model
import Synchronization

/// How fast the archive works, and until when: the limits of one run.
package final class Pace: Sendable {
  /// Nothing new is begun after this time.
  private let until: Timestamp?
  private let bytesPerSecond: Int64?
  private let progress: @Sendable (Int) -> Void
  private let state = Mutex(State())

  private struct State {
    var began: ContinuousClock.Instant?
    var bytes: Int64 = 0
    var messages = 0
  }

  /// - Parameter progress: gets the number of messages that were sealed so far.
  package init(
    until: Timestamp? = nil, bytesPerSecond: Int64? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    precondition(bytesPerSecond.map { $0 > 0 } ?? true)
    self.until = until
    self.bytesPerSecond = bytesPerSecond
    self.progress = progress
  }

  func isOver(at now: Timestamp) -> Bool { until.map { $0 <= now } ?? false }

  /// Counts what was written, and waits where that came sooner than the rate allows.
  func passed(bytes: Int64, messages: Int) async throws {
    let now = ContinuousClock.now
    let (due, total) = state.withLock { state in
      let began = state.began ?? now
      state.began = began
      state.bytes += bytes
      state.messages += messages
      return (bytesPerSecond.map { began + Self.duration(of: state.bytes, at: $0) }, state.messages)
    }
    progress(total)
    if let due, due > now { try await Task.sleep(until: due, clock: .continuous) }
  }

  static func duration(of bytes: Int64, at bytesPerSecond: Int64) -> Duration {
    .seconds(Double(bytes) / Double(bytesPerSecond))
  }
}
