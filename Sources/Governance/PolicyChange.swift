package import Model

/// How an item would be treated under a proposed set of policies, or after something else was stated of it, against
/// how it is now. For previews.
package struct PolicyChange: Hashable, Sendable {
  package enum Effect: Hashable, Sendable {
    case none
    /// Would go sooner, or go at all.
    case earlier
    /// Would stay longer, or for good.
    case later
  }

  package let effect: Effect
  /// When policies delete the item, holds left aside; `nil`: never.
  package let dueBefore: Timestamp?
  package let dueAfter: Timestamp?
  /// Kept now, but due as soon as the proposal is in force.
  package let deletesAtOnce: Bool
  /// Holds that keep it whatever the policies say.
  package let heldBy: [Int64]

  /// Policies not in force at `now` are left out of `current`; all of `proposed` are taken to be.
  package init(
    of item: Item, from current: [Policy], to proposed: [Policy], holds: [Hold], now: Timestamp
  ) {
    self.init(
      from: Evaluation(item, current.inForce(at: now)), to: Evaluation(item, proposed.inForce(at: .latest)),
      heldBy: holds.filter { $0.isActive(at: now) && $0.matches(item) }.map(\.id), at: now)
  }

  /// Of an item of which something else would be stated, under the policies that are in force when that has settled.
  /// Holds are left aside.
  package init(of item: Item, to stated: Item, policies: [Policy], settlesAt: Timestamp) {
    let inForce = policies.inForce(at: settlesAt)
    self.init(
      from: Evaluation(item, inForce), to: Evaluation(stated, inForce), heldBy: [], at: settlesAt)
  }

  private init(from before: Evaluation, to after: Evaluation, heldBy: [Int64], at now: Timestamp) {
    dueBefore = before.dueAt
    dueAfter = after.dueAt
    self.heldBy = heldBy
    deletesAtOnce = heldBy.isEmpty && after.isDue(at: now) && !before.isDue(at: now)
    let (old, new) = (dueBefore ?? .latest, dueAfter ?? .latest)
    effect = old == new ? .none : new < old ? .earlier : .later
  }

  /// The grace before a change of policy may delete, in seconds.
  package static let defaultGraceSeconds: Int64 = 86_400
}

/// A change that a locked policy does not allow.
package struct LockViolation: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Change: String, Sendable {
    case removed, unlocked
    case scope = "scope changed"
    case clock = "clock changed"
    case floorShortened = "retention shortened"
    case ceilingShortened = "deletion brought forward"
    case reviewDropped = "review dropped"
  }

  package let policy: String
  package let change: Change
  package var description: String { "locked policy \(policy): \(change.rawValue)" }
}

/// What in `proposed` would loosen or shorten a locked policy of `current`. Empty: the change is allowed.
package func lockViolations(from current: [Policy], to proposed: [Policy]) -> [LockViolation] {
  let after = Dictionary(proposed.inForce(at: .latest).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
  return current.inForce(at: .latest).filter(\.locked).flatMap { old in
    old.loosened(by: after[old.id]).map { LockViolation(policy: old.id, change: $0) }
  }
}

extension Policy {
  fileprivate func loosened(by new: Policy?) -> [LockViolation.Change] {
    guard let new else { return [.removed] }
    var changes: [LockViolation.Change] = []
    if !new.locked { changes.append(.unlocked) }
    if new.scope != scope { changes.append(.scope) }
    if new.clock != clock { changes.append(.clock) }
    if (new.retainSeconds ?? 0) < (retainSeconds ?? 0) { changes.append(.floorShortened) }
    if review, !new.review { changes.append(.reviewDropped) }
    if (new.deleteAfterSeconds ?? .max) < (deleteAfterSeconds ?? .max) { changes.append(.ceilingShortened) }
    return changes
  }

  fileprivate func saysTheSame(as other: Policy) -> Bool {
    var twin = other
    (twin.version, twin.effectiveAt) = (version, effectiveAt)
    return self == twin
  }
}

/// The policies to decide by while `proposed` replaces `current` at `effectiveAt`: what is in force stays
/// until then, changed policies get a new version, and dropped ones a version that asks for nothing.
package func timeline(from current: [Policy], to proposed: [Policy], effectiveAt: Timestamp) -> [Policy] {
  let old = Dictionary(current.inForce(at: .latest).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
  var next: [Policy] = []
  for var policy in proposed {
    if let same = old[policy.id], same.saysTheSame(as: policy) { continue }
    policy.version = max(policy.version, (old[policy.id]?.version ?? 0) + 1)
    policy.effectiveAt = effectiveAt
    next.append(policy)
  }
  let kept = Set(proposed.map(\.id))
  for var policy in old.values.sorted(by: { $0.id < $1.id }) where !kept.contains(policy.id) {
    guard policy.retainSeconds != nil || policy.deleteAfterSeconds != nil else { continue }
    (policy.retainSeconds, policy.deleteAfterSeconds) = (nil, nil)
    policy.version += 1
    policy.effectiveAt = effectiveAt
    next.append(policy)
  }
  return current + next
}
