package import Governance

/// A way in which a proposed set of policies may delete more, or earlier, than the set in force.
package struct Tightening: Hashable, Sendable, Codable, CustomStringConvertible {
  package enum Change: String, Sendable, Codable {
    case ceilingAdded = "deletion added"
    case ceilingBroughtForward = "deletion brought forward"
    case floorShortened = "retention shortened"
    /// A scoped ceiling went, so that a wider one below it decides, which may come sooner.
    case ceilingUncovered = "a wider deletion applies now"
    case reviewDropped = "review dropped"
  }

  package let policy: String
  package let change: Change
  package var description: String { "\(policy): \(change.rawValue)" }
}

/// How `proposed` is stricter than what is in force. Empty: for no message, present or future, is anything
/// deleted that was not, or sooner. Errs towards finding something, which costs a day of waiting; missing
/// something could cost messages.
package func tightenings(from inForce: [Policy], to proposed: [Policy]) -> [Tightening] {
  let old = Dictionary(inForce.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
  let new = Dictionary(proposed.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
  let lowest = proposed.filter { $0.deleteAfterSeconds != nil }.map(\.scope.level).min()
  return Set(old.keys).union(new.keys).sorted().flatMap { id in
    var found = changes(from: old[id], to: new[id], lowest)
    if let before = old[id], !found.contains(.reviewDropped),
      uncoversUnreviewed(from: before, to: new[id], others: proposed.filter { $0.id != id })
    {
      found.append(.reviewDropped)
    }
    return found.map { Tightening(policy: id, change: $0) }
  }
}

/// Whether messages that wait for a review may be deleted without one, as the ceiling which asked for it comes later or
/// not at all, and another one that asks for none decides in its place. Conversations have days of their own, which
/// count as scoped.
private func uncoversUnreviewed(from old: Policy, to new: Policy?, others: [Policy]) -> Bool {
  guard old.review, let before = old.deleteAfterSeconds else { return false }
  let unreviewed =
    others.filter { $0.deleteAfterSeconds != nil && !$0.review }.map(\.scope.level) + [.scoped]
  let level = old.scope.level
  // Another scope or clock makes another policy, which is no longer in the way of others where this one was.
  guard let new, new.scope == old.scope, new.clock == old.clock, let after = new.deleteAfterSeconds else {
    return unreviewed.contains { $0 <= level }
  }
  return after > before && unreviewed.contains(level)
}

private func changes(
  from old: Policy?, to new: Policy?, _ lowestCeiling: Policy.Level?
) -> [Tightening.Change] {
  guard let old else { return new?.deleteAfterSeconds == nil ? [] : [.ceilingAdded] }
  // Another scope or clock makes another policy: what the old one protected counts as given up.
  guard let new, new.scope == old.scope, new.clock == old.clock else {
    return changes(from: old, to: old.emptied, lowestCeiling) + changes(from: nil, to: new, lowestCeiling)
  }
  var found: [Tightening.Change] = []
  switch (old.deleteAfterSeconds, new.deleteAfterSeconds) {
  case (nil, .some): found.append(.ceilingAdded)
  case (.some(let before), .some(let after)) where after < before: found.append(.ceilingBroughtForward)
  case (.some, nil):
    // Below a label there may be a conversation's own days, which no document names.
    if old.scope.level == .label || lowestCeiling.map({ $0 < old.scope.level }) ?? false {
      found.append(.ceilingUncovered)
    }
  default: break
  }
  if (new.retainSeconds ?? 0) < (old.retainSeconds ?? 0) { found.append(.floorShortened) }
  if old.review, !new.review { found.append(.reviewDropped) }
  return found
}

extension Policy {
  /// Asks for nothing.
  fileprivate var emptied: Policy {
    var policy = self
    (policy.retainSeconds, policy.deleteAfterSeconds) = (nil, nil)
    return policy
  }
}
