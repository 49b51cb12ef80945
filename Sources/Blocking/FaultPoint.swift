#if DEBUG
  import Glibc
  import Synchronization
#endif

/// Named places where the fault tests end the program, as a crash or a power cut would: `MUNIMENT_KILL_AT=NAME`, or
/// `NAME:3` for the third time it gets there. A release build has nothing of it.
package enum FaultPoint {
  /// Kills this process here if a test asked for it.
  @inline(__always)
  package static func reach(_ name: @autoclosure () -> String) {
    #if DEBUG
      if let wanted { wanted.reach(name()) }
    #endif
  }

  #if DEBUG
    private static let wanted = Wanted()

    private final class Wanted: Sendable {
      private let name: String
      private let turns: Turns

      init?() {
        guard let value = unsafe getenv("MUNIMENT_KILL_AT") else { return nil }
        let parts = unsafe String(cString: value).split(separator: ":").map(String.init)
        guard let first = parts.first else { return nil }
        name = first
        turns = Turns(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
      }

      func reach(_ place: String) {
        guard place == name, turns.isLast() else { return }
        // Without a word to anybody, as nothing that happens at exit may happen.
        kill(getpid(), SIGKILL)
        while true { pause() }
      }
    }

    private final class Turns: Sendable {
      private let left: Mutex<Int>

      init(_ count: Int) { left = Mutex(count) }

      func isLast() -> Bool {
        left.withLock { left in
          left -= 1
          return left == 0
        }
      }
    }
  #endif
}
