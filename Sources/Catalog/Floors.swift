import Governance
package import Model
package import Postgres

/// A floor that keeps a message: of several, the one that ends last.
package struct RunningFloor: Sendable, Hashable {
  /// Id of the policy.
  package let policy: String
  package let version: Int32
  /// `nil`: without end, as long as what its clock counts from has not happened.
  package let until: Timestamp?
}

/// Floors, asked in the transaction that deletes, as holds are.
package enum Floors {
  package enum Kind: Sendable {
    case all
    /// Duties that bind an erasure too (GDPR Art. 17(3)(b)).
    case locked
  }

  /// Which of the messages a floor keeps at `now`. A message nobody knows is missing from the answer.
  package static func running(
    _ kind: Kind, on keys: [MessageKey], tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> [MessageKey: RunningFloor] {
    guard !keys.isEmpty else { return [:] }
    let floors = try inForce(kind, tenant: tenant, at: now, in: tx)
    guard !floors.isEmpty else { return [:] }
    var running: [MessageKey: RunningFloor] = [:]
    for message in try RetentionScan.find(keys, tenant: tenant, in: tx) {
      running[message.locator.key] = floor(of: message, floors, at: now)
    }
    return running
  }

  package static func exist(
    _ kind: Kind, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try !inForce(kind, tenant: tenant, at: now, in: tx).isEmpty
  }

  /// Policies without their ceilings, so that a floor is all that can keep something.
  private static func inForce(
    _ kind: Kind, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> [Policy] {
    let policies = try KnownPolicies.all(of: tenant, in: tx).inForce(at: now)
    return policies.filter { $0.retainSeconds != nil && (kind == .all || $0.locked) }.map { policy in
      var floor = policy
      floor.deleteAfterSeconds = nil
      return floor
    }
  }

  private static func floor(of message: RetainedMessage, _ floors: [Policy], at now: Timestamp)
    -> RunningFloor?
  {
    let disposition = message.disposition(floors, at: now)
    guard disposition.decidingRule == .floor, let reason = disposition.reasons.first(where: \.decides),
      case .policy(let id, _, let version, _, _) = reason.source
    else { return nil }
    return RunningFloor(policy: id, version: version, until: reason.until)
  }
}
