package import Model

/// What shall happen to an item at `now`. Pure, and the only place where retention is decided:
///
/// 1. An active hold that matches keeps it.
/// 2. Else the longest floor keeps it until its end.
/// 3. Else, among ceilings, label beats scoped beats tenant, then the earliest wins; no ceiling keeps it.
/// 4. A change already announced (a version whose `effectiveAt` is to come) must agree to a deletion before the
///    deletion happens, and deletes nothing before its time.
/// 5. A label or an event that was stated lately deletes nothing until it has settled.
///
/// `policies` may hold several versions of one id; `holds` are the tenant's, released ones included.
package func decide(_ item: Item, policies: [Policy], holds: [Hold], now: Timestamp) -> Disposition {
  var evaluation = Evaluation(item, policies.inForce(at: now))
  let held = evaluation.add(holds, on: item, at: now)
  guard held.isEmpty else { return evaluation.disposition(.held(held), .hold, nil) }
  if let change = firstDisagreement(item, policies, evaluation.isDue(at: now), now) {
    return evaluation.disposition(.pending(until: change), .policyChange, nil)
  }
  if evaluation.isDue(at: now), now < evaluation.settlesAt {
    return evaluation.disposition(.pending(until: evaluation.settlesAt), .statedLately, nil)
  }
  return evaluation.disposition(at: now)
}

/// What an erasure request does to an item at `now`: ceilings, unlocked floors and grace do not count. The
/// verdict is `due` or `restricted`; whoever acts asks again when a hold is released or a floor ends.
package func decideErasure(_ item: Item, policies: [Policy], holds: [Hold], now: Timestamp) -> Disposition {
  let inForce = policies.inForce(at: now)
  var evaluation = Evaluation(item, inForce)
  let held = evaluation.add(holds, on: item, at: now)
  guard held.isEmpty else { return evaluation.disposition(.restricted, .hold, nil) }
  let locked = Evaluation(item, inForce.filter { $0.locked })
  if let floor = locked.floor, now < floor.end {
    let reason = evaluation.reasons.firstIndex(of: locked.reasons[floor.reason])
    return evaluation.disposition(.restricted, .lockedFloor, reason)
  }
  return evaluation.disposition(.due, .erasure, nil)
}

/// When the first announced change takes effect under which the item's being due would differ.
private func firstDisagreement(_ item: Item, _ policies: [Policy], _ due: Bool, _ now: Timestamp)
  -> Timestamp?
{
  let changes = Set(policies.map(\.effectiveAt).filter { now < $0 }).sorted()
  return changes.first { Evaluation(item, policies.inForce(at: $0)).isDue(at: now) != due }
}

extension Evaluation {
  /// Lists the active holds that match, all of them deciding, and returns their ids.
  fileprivate mutating func add(_ holds: [Hold], on item: Item, at now: Timestamp) -> [Int64] {
    let matching = holds.filter { $0.isActive(at: now) && $0.matches(item) }
    let found = matching.map { hold in
      Reason(
        source: .hold(id: hold.id, matter: hold.matter, silent: hold.silent), effect: .hold, from: hold.from,
        until: hold.to, decides: true)
    }
    reasons.append(contentsOf: found)
    return matching.map(\.id)
  }
}
