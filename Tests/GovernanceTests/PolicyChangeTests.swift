import Governance
import Model
import Testing

@Suite("Changes of policy")
struct PolicyChangeTests {
  @Test("a shortened ceiling deletes only once its grace has passed")
  func shortened() {
    let old = makePolicy("p", delete: 100)
    let new = makePolicy("p", delete: 10, version: 2, effective: day(21))
    func verdict(_ number: Int) -> Disposition.Verdict {
      decide(makeItem(), policies: [old, new], holds: [], now: day(number)).verdict
    }
    #expect(verdict(5) == .keep(until: day(100)))
    #expect(verdict(20) == .pending(until: day(21)))
    #expect(verdict(21) == .due)
  }

  @Test("what an announced change will keep is not deleted before it")
  func lengthened() {
    let old = makePolicy("p", delete: 10)
    let new = makePolicy("p", delete: 100, version: 2, effective: day(21))
    func verdict(_ number: Int) -> Disposition.Verdict {
      decide(makeItem(), policies: [old, new], holds: [], now: day(number)).verdict
    }
    #expect(verdict(9) == .keep(until: day(10)))
    #expect(verdict(20) == .pending(until: day(21)))
    #expect(verdict(21) == .keep(until: day(100)))
    #expect(verdict(100) == .due)
  }

  @Test("timeline: changed, added, dropped and untouched policies")
  func timelines() throws {
    let current = [
      makePolicy("same", delete: 5), makePolicy("changed", delete: 50, version: 4),
      makePolicy("dropped", retain: 70),
    ]
    let proposed = [
      makePolicy("same", delete: 5), makePolicy("changed", delete: 60), makePolicy("added", retain: 2),
    ]
    let all = timeline(from: current, to: proposed, effectiveAt: day(30))
    #expect(all.inForce(at: day(29)).sorted { $0.id < $1.id } == current.sorted { $0.id < $1.id })
    let then = Dictionary(uniqueKeysWithValues: all.inForce(at: day(30)).map { ($0.id, $0) })
    #expect(then["same"]?.version == 1)
    #expect(then["changed"]?.version == 5)
    #expect(then["changed"]?.deleteAfterSeconds == days(60))
    #expect(then["added"]?.effectiveAt == day(30))
    #expect(then["dropped"]?.retainSeconds == nil)
    #expect(timeline(from: all, to: proposed, effectiveAt: day(40)) == all)
  }

  @Test(
    "preview tells sooner from later",
    arguments: [
      (100, 10, PolicyChange.Effect.earlier, true), (100, 50, .earlier, false), (10, 100, .later, false),
      (100, 100, .none, false), (nil, 100, .earlier, false), (nil, 20, .earlier, true),
      (100, nil, .later, false),
      (nil, nil, .none, false), (15, 10, .earlier, false),
    ] as [(Int?, Int?, PolicyChange.Effect, Bool)])
  func preview(before: Int?, after: Int?, effect: PolicyChange.Effect, atOnce: Bool) {
    let old = before.map { [makePolicy("p", delete: $0)] } ?? []
    let new = after.map { [makePolicy("p", delete: $0, version: 2, effective: day(500))] } ?? []
    let change = PolicyChange(of: makeItem(), from: old, to: new, holds: [], now: day(20))
    #expect(change.effect == effect)
    #expect(change.deletesAtOnce == atOnce)
    #expect(change.dueBefore == before.map(day))
    #expect(change.dueAfter == after.map(day))
    let held = PolicyChange(
      of: makeItem(), from: old, to: new, holds: [Hold(id: 3, matter: "m")], now: day(20))
    #expect(!held.deletesAtOnce)
    #expect(held.heldBy == [3])
  }

  @Test(
    "a locked policy can only be lengthened",
    arguments: [
      ([], [LockViolation.Change.removed]),
      ([makePolicy("p", retain: 10, delete: 20, version: 2)], [.unlocked]),
      ([makePolicy("p", retain: 9, delete: 20, locked: true, version: 2)], [.floorShortened]),
      ([makePolicy("p", delete: 20, locked: true, version: 2)], [.floorShortened]),
      ([makePolicy("p", retain: 10, delete: 19, locked: true, version: 2)], [.ceilingShortened]),
      ([makePolicy("p", retain: 10, delete: 20, clock: .lastEdited, locked: true)], [.clock]),
      ([makePolicy("p", retain: 10, delete: 20, clock: .event("left"), locked: true)], [.clock]),
      ([makePolicy("p", .conversation(room), retain: 10, delete: 20, locked: true)], [.scope]),
      ([makePolicy("p", retain: 11, delete: 21, locked: true, version: 2)], []),
      ([makePolicy("p", retain: 11, locked: true, version: 2)], []),
      ([makePolicy("p", retain: 10, delete: 20, locked: true), makePolicy("q", delete: 1)], []),
    ] as [([Policy], [LockViolation.Change])])
  func locks(proposed: [Policy], violations: [LockViolation.Change]) {
    let current = [makePolicy("p", retain: 10, delete: 20, locked: true), makePolicy("free", retain: 1)]
    #expect(lockViolations(from: current, to: proposed).map(\.change) == violations)
  }
}
