import Governance
import Model
import Testing

@Suite("Holds")
struct HoldTests {
  @Test(
    "a hold covers what its lists and window say",
    arguments: [
      (Hold(id: 1, matter: "m"), true),
      (Hold(id: 1, matter: "m", custodians: [author]), true),
      (Hold(id: 1, matter: "m", custodians: [colleague]), true),
      (Hold(id: 1, matter: "m", custodians: [stranger]), false),
      (Hold(id: 1, matter: "m", custodians: [stranger, colleague]), true),
      (Hold(id: 1, matter: "m", conversations: [room]), true),
      (Hold(id: 1, matter: "m", conversations: [otherRoom]), false),
      (Hold(id: 1, matter: "m", custodians: [author], conversations: [otherRoom]), false),
      (Hold(id: 1, matter: "m", from: day(0)), true),
      (Hold(id: 1, matter: "m", from: day(1)), false),
      (Hold(id: 1, matter: "m", to: day(0)), false),
      (Hold(id: 1, matter: "m", to: day(-1)), false),
      (Hold(id: 1, matter: "m", custodians: [author], from: day(-1), to: day(1)), true),
    ])
  func coverage(hold: Hold, covers: Bool) {
    #expect(hold.matches(makeItem()) == covers)
  }

  @Test("an active hold beats every policy; a released one does nothing")
  func release() {
    let hold = Hold(id: 9, matter: "m", releasedAt: day(100))
    let policies = [makePolicy("p", delete: 1)]
    #expect(decide(makeItem(), policies: policies, holds: [hold], now: day(99)).verdict == .held([9]))
    #expect(decide(makeItem(), policies: policies, holds: [hold], now: day(100)).verdict == .due)
  }

  @Test("all holds that match are named")
  func several() {
    let holds = [
      Hold(id: 1, matter: "a"), Hold(id: 2, matter: "b", custodians: [stranger]),
      Hold(id: 3, matter: "c", silent: true),
    ]
    let disposition = decide(makeItem(), policies: [], holds: holds, now: day(1))
    #expect(disposition.verdict == .held([1, 3]))
    #expect(disposition.decidingRule == .hold)
  }

  @Test(
    "erasure: holds and locked floors restrict, everything else goes",
    arguments: [
      ([], [], Disposition.Verdict.due, Disposition.Rule.erasure),
      ([makePolicy("p", retain: 100)], [], .due, .erasure),
      ([makePolicy("p", retain: 100, locked: true)], [], .restricted, .lockedFloor),
      ([makePolicy("p", retain: 9, locked: true)], [], .due, .erasure),
      ([makePolicy("p", retain: 10, locked: true)], [], .due, .erasure),
      (
        [makePolicy("p", retain: 11, locked: true), makePolicy("q", retain: 900)], [], .restricted,
        .lockedFloor
      ),
      ([makePolicy("p", retain: 100, locked: true, effective: day(11))], [], .due, .erasure),
      ([], [Hold(id: 1, matter: "m")], .restricted, .hold),
      ([], [Hold(id: 1, matter: "m", releasedAt: day(10))], .due, .erasure),
      ([makePolicy("p", delete: 900)], [], .due, .erasure),
    ] as [([Policy], [Hold], Disposition.Verdict, Disposition.Rule)])
  func erasure(policies: [Policy], holds: [Hold], verdict: Disposition.Verdict, rule: Disposition.Rule) {
    let disposition = decideErasure(makeItem(), policies: policies, holds: holds, now: day(10))
    #expect(disposition.verdict == verdict)
    #expect(disposition.decidingRule == rule)
    #expect(disposition.heldBy == holds.filter { $0.releasedAt == nil }.map(\.id))
  }
}
