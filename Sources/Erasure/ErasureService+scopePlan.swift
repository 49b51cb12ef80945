import Catalog
import History
import Model
import Postgres

extension ErasureService {
  /// Counts what of a scope would go and what would stay, message by message.
  func planScoped(_ row: ErasureRow, actor: String?) async throws -> ErasurePlan {
    var plan = ErasurePlan(
      id: Handle.text("erasure", row.id), subjectKnown: true, hotMessages: 0, coldMessages: 0, changes: 0,
      conversations: row.scope.conversation == nil ? 0 : 1, setAside: 0, packages: 0, blockedBy: [],
      floors: [],
      restricted: 0, notCovered: ErasurePlan.scopedLimits, dueAt: row.dueAt.rfc3339)
    plan.scope = row.scope.name
    var (holds, floors): ([Int64: Int], [String: ErasurePlan.Floor]) = ([:], [:])
    let (tenant, now) = (tenant, now())
    try await forEachBatch(row, states: [.live, .restricted]) { batch in
      let messages = try await history.messages(batch.map(\.place), states: [.live, .restricted])
      plan.hotMessages += messages.count { $0.tier == .hot }
      plan.coldMessages += batch.count - messages.count { $0.tier == .hot }
      plan.changes += messages.reduce(0) { $0 + $1.changes.count }
      let grounds = try await database.transaction { tx in
        try Grounds(of: batch.map(\.key), tenant: tenant, at: now, in: tx)
      }
      plan.restricted = (plan.restricted ?? 0) + grounds.byKey.count
      for hold in grounds.byKey.values.flatMap({ $0.compactMap(\.hold) }) { holds[hold, default: 0] += 1 }
      for floor in grounds.floors.values { floors.count(floor) }
    }
    plan.blockedBy = holds.sorted { $0.key < $1.key }.map {
      ErasurePlan.Blocker(hold: Handle.text("hold", $0.key), messages: $0.value)
    }
    plan.floors = floors.values.sorted { $0.policy < $1.policy }
    let done = plan
    try await database.transaction { tx in try keep(done, row, actor: actor, at: now, in: tx) }
    return plan
  }
}

extension [String: ErasurePlan.Floor] {
  fileprivate mutating func count(_ floor: RunningFloor) {
    let name = "\(floor.policy) v\(floor.version)"
    let until = floor.until?.rfc3339
    guard var known = self[name] else {
      self[name] = ErasurePlan.Floor(policy: name, messages: 1, until: until)
      return
    }
    known.messages += 1
    // RFC 3339 in UTC sorts as time does; no end is later than any.
    known.until = known.until.flatMap { old in until.map { Swift.max(old, $0) } }
    self[name] = known
  }
}
