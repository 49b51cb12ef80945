import Foundation
import Glibc
package import JobQueue
import Postgres

extension Application {
  /// Seconds a lease lasts; a holder renews it well before, a dead one loses it after this.
  private static let leaseSeconds: Int64 = 30

  /// Runs the body while holding a lease, so that there is one runner on all machines.
  package func holding<R: Sendable>(_ name: String, _ body: () async throws -> R) async throws -> R {
    try await holding(name, takingOverFromDead: false) { _ in try await body() }
  }

  /// As ``holding(_:_:)``, for bodies that prove at each write that the lease is still theirs.
  ///
  /// - Parameter takingOverFromDead: do not wait for the lease of a process of this machine that is no more. Only for
  ///   what is locked by other means too.
  package func holding<R: Sendable>(
    _ name: String, takingOverFromDead: Bool, _ body: (Lease) async throws -> R
  ) async throws -> R {
    let database = database
    guard let lease = try await acquire(name, takingOverFromDead) else { throw LeaseHeld(name: name) }
    let renewing = Task {
      while !Task.isCancelled {
        try await Task.sleep(for: .seconds(Self.leaseSeconds / 3))
        guard
          try await database.transaction({ tx in try Leases.renew(lease, seconds: Self.leaseSeconds, in: tx) }
          )
        else { return }
      }
    }
    let result: Result<R, any Error>
    do { result = .success(try await body(lease)) } catch { result = .failure(error) }
    // A renewal under way would prolong the lease after its release, and keep the next runner waiting.
    renewing.cancel()
    _ = await renewing.result
    if case .failure(let error) = result {
      try? await database.transaction { tx in try Leases.release(lease, in: tx) }
      throw error
    }
    try await database.transaction { tx in try Leases.release(lease, in: tx) }
    return try result.get()
  }

  private func acquire(_ name: String, _ takingOverFromDead: Bool) async throws -> Lease? {
    let holder = LeaseHolder.own
    return try await database.transaction { tx in
      if let lease = try Leases.acquire(name, holder: holder.text, seconds: Self.leaseSeconds, in: tx) {
        return lease
      }
      guard takingOverFromDead, let current = try Leases.current(name, in: tx),
        LeaseHolder(current.holder)?.isDead == true
      else { return nil }
      // Whoever comes first: a lease that changed hands meanwhile is not released by this.
      try Leases.release(current, in: tx)
      return try Leases.acquire(name, holder: holder.text, seconds: Self.leaseSeconds, in: tx)
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
