import Blocking
import Foundation
import Glibc
package import JobQueue
import Postgres
import Synchronization

extension Application {
  /// Seconds a lease lasts; a holder renews it well before, a dead one loses it after this.
  package static let leaseSeconds: Int64 = 30

  /// Runs the body while holding a lease, so that there is one runner on all machines.
  ///
  /// - Throws: ``LeaseHeld`` if another has it; `LeaseLost` if it could not be renewed in time, after the body, which
  ///   is cancelled then, has ended.
  package func holding<R: Sendable>(_ name: String, _ body: @escaping @Sendable () async throws -> R)
    async throws -> R
  {
    try await holding(name, takingOverFromDead: false) { _ in try await body() }
  }

  /// As ``holding(_:_:)``, for bodies that prove at each write that the lease is still theirs.
  ///
  /// - Parameter takingOverFromDead: do not wait for the lease of a process of this machine that is no more. Only for
  ///   what is locked by other means too.
  package func holding<R: Sendable>(
    _ name: String, takingOverFromDead: Bool = false, seconds: Int64 = Application.leaseSeconds,
    _ body: @escaping @Sendable (Lease) async throws -> R
  ) async throws -> R {
    let database = database
    let end = LeaseEnd(seconds: seconds)
    guard let lease = try await acquire(name, takingOverFromDead, seconds) else {
      throw LeaseHeld(name: name)
    }
    let result: Result<R, any Error>
    do { result = .success(try await keeping(lease, until: end, body)) } catch { result = .failure(error) }
    if case .failure(let error) = result {
      try? await database.transaction { tx in try Leases.release(lease, in: tx) }
      throw error
    }
    try await database.transaction { tx in try Leases.release(lease, in: tx) }
    return try result.get()
  }

  /// The body beside the renewals. All have ended when this returns: a renewal under way would prolong the lease after
  /// its release, and keep the next runner waiting.
  private func keeping<R: Sendable>(
    _ lease: Lease, until end: LeaseEnd, _ body: @escaping @Sendable (Lease) async throws -> R
  ) async throws -> R {
    try await withThrowingTaskGroup(of: R?.self) { tasks in
      defer { tasks.cancelAll() }
      tasks.addTask { try await body(lease) }
      tasks.addTask { try await runAheadOfLongWork { try await self.renew(lease, end) } }
      // Beside the renewals, which may hang in the database.
      tasks.addTask { try await runAheadOfLongWork { try await end.wait(for: lease) } }
      while let ended = try await tasks.next() {
        if let result = ended { return result }
      }
      throw LeaseLost(name: lease.name)
    }
  }

  /// How long after a renewal that failed the next one is tried.
  private static let renewalPause = Duration.seconds(1)

  /// What keeps a renewal from being made may pass before the lease has run out.
  private func renew<R>(_ lease: Lease, _ end: LeaseEnd) async throws -> R? {
    let database = database
    try await Task.sleep(for: end.pause)
    while true {
      let asked = ContinuousClock.now
      do {
        let isOurs = try await database.transaction { tx in
          try Leases.renew(lease, seconds: end.seconds, in: tx)
        }
        guard isOurs else { throw LeaseLost(name: lease.name) }
        end.move(from: asked)
        try await Task.sleep(for: end.pause)
      } catch let error as LeaseLost {
        throw error
      } catch {
        try await Task.sleep(for: Self.renewalPause)
      }
    }
  }

  private func acquire(_ name: String, _ takingOverFromDead: Bool, _ seconds: Int64) async throws -> Lease? {
    let holder = LeaseHolder.own
    return try await database.transaction { tx in
      if let lease = try Leases.acquire(name, holder: holder.text, seconds: seconds, in: tx) {
        return lease
      }
      guard takingOverFromDead, let current = try Leases.current(name, in: tx),
        LeaseHolder(current.holder)?.isDead == true
      else { return nil }
      // Whoever comes first: a lease that changed hands meanwhile is not released by this.
      try Leases.release(current, in: tx)
      return try Leases.acquire(name, holder: holder.text, seconds: seconds, in: tx)
    }
  }
}

/// Until when a lease certainly is its holder's, by the clock of this machine: counted from before the database was
/// asked, whose own count begins later.
private final class LeaseEnd: Sendable {
  let seconds: Int64
  private let end: Mutex<ContinuousClock.Instant>

  init(seconds: Int64) {
    self.seconds = seconds
    end = Mutex(ContinuousClock.now + .seconds(seconds))
  }

  /// Between renewals.
  var pause: Duration { .seconds(seconds) / 3 }

  func move(from start: ContinuousClock.Instant) { end.withLock { $0 = start + .seconds(seconds) } }

  /// Throws when the lease has run out; `nil` never comes.
  func wait<R>(for lease: Lease) async throws -> R? {
    while true {
      let end = end.withLock { $0 }
      guard ContinuousClock.now < end else { throw LeaseLost(name: lease.name) }
      try await Task.sleep(until: end, clock: .continuous)
    }
  }
}

/// A process on a machine, as leases name it.
struct LeaseHolder {
  private let machine: String
  private let process: Int32
  private let run: String

  /// A new one for each lease.
  static var own: LeaseHolder {
    LeaseHolder(machine: thisMachine, process: getpid(), run: UUID().uuidString)
  }

  private init(machine: String, process: Int32, run: String) {
    (self.machine, self.process, self.run) = (machine, process, run)
  }

  init?(_ text: String) {
    let parts = text.split(separator: "/").map(String.init)
    guard parts.count == 3, let process = Int32(parts[1]) else { return nil }
    self.init(machine: parts[0], process: process, run: parts[2])
  }

  var text: String { "\(machine)/\(process)/\(run)" }

  /// Whether it ran where this process runs, and is no more. Says no when in doubt.
  var isDead: Bool { machine == Self.thisMachine && kill(process, 0) != 0 && errno == ESRCH }

  /// Numbers of processes mean something within one boot and one namespace of processes only.
  private static let thisMachine: String = {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let space =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? UUID().uuidString
    let name =
      ProcessInfo.processInfo.hostName + ":" + boot.trimmingCharacters(in: .whitespacesAndNewlines) + ":"
      + space
    return String(name.map { $0 == "/" ? "_" : $0 })
  }()
}
