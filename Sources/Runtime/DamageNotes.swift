package import Catalog
import Synchronization

/// What the follower of the feed did about notes of damage, so that what comes again and again keeps nobody busy: a
/// query that trips over sound files would have them read, or rebuilt, without end.
package final class DamageNotes: Sendable {
  package enum Answer: Hashable, Sendable {
    /// The files say whether there is anything to be repaired.
    case check
    /// The files are sound as far as they are read, and still cannot be written to.
    case rebuild
    /// The note stays where it is, for people to see.
    case wait
  }

  package enum Step: Hashable, Sendable {
    case foundSound
    /// Without proof of damage in the files.
    case rebuilt
  }

  private struct Note: Hashable {
    let group: Int
    let sighting: IndexSighting?
  }

  /// For so long a step counts.
  package static let pause = Duration.seconds(300)

  private let steps = Mutex<[Note: (step: Step, at: ContinuousClock.Instant)]>([:])

  package init() {}

  /// - Parameter sighting: `nil`: somebody looked at the files, and found the damage there.
  package func answer(to sighting: IndexSighting?, group: Int, at now: ContinuousClock.Instant) -> Answer {
    let last = steps.withLock { $0[Note(group: group, sighting: sighting)] }
    guard let last, now < last.at + Self.pause else { return .check }
    return switch (last.step, sighting) {
    case (.rebuilt, _), (.foundSound, .unreadable): .wait
    case (.foundSound, .unwritable): .rebuild
    case (.foundSound, nil): .check
    }
  }

  package func record(
    _ step: Step, of sighting: IndexSighting?, group: Int, at now: ContinuousClock.Instant
  ) {
    steps.withLock { $0[Note(group: group, sighting: sighting)] = (step, now) }
  }
}
