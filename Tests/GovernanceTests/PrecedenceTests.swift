import Governance
import Model
import Testing

@Suite("Precedence")
struct PrecedenceTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let policies: [Policy]
    var labels: Set<String> = []
    var holds: [Hold] = []
    /// Days after sending; `nil`: never.
    let dueDay: Int?
    var rule = Disposition.Rule.tenantCeiling
    /// Which policy's ceiling deletes.
    var by: String?
  }

  static let scoped = Policy.Scope.conversation(room)
  static let record = Policy.Scope.label("record")

  /// The worked examples of Purview's rules, restated for ours.
  static let examples = [
    Example(
      testDescription: "a delete at 2 years waits for a retain of 4",
      policies: [makePolicy("p1", delete: years(2)), makePolicy("p2", retain: years(4))], dueDay: years(4),
      by: "p1"),
    Example(
      testDescription: "scoped beats tenant-wide",
      policies: [makePolicy("p1", delete: years(10)), makePolicy("p2", scoped, delete: years(6))],
      dueDay: years(6), rule: .scopedCeiling, by: "p2"),
    Example(
      testDescription: "scoped beats tenant-wide, also when longer",
      policies: [makePolicy("p1", delete: years(6)), makePolicy("p2", scoped, delete: years(10))],
      dueDay: years(10), rule: .scopedCeiling, by: "p2"),
    Example(
      testDescription: "among equals the earliest wins",
      policies: [
        makePolicy("p1", scoped, delete: years(6)), makePolicy("p2", .subject(author), delete: years(4)),
      ],
      dueDay: years(4), rule: .scopedCeiling, by: "p2"),
    Example(
      testDescription: "a label's delete is deferred by a longer retain",
      policies: [
        makePolicy("label", record, retain: years(3), delete: years(3)),
        makePolicy("p1", scoped, retain: years(5), delete: years(5)),
      ], labels: ["record"], dueDay: years(5), rule: .labelCeiling, by: "label"),
    Example(
      testDescription: "a retain-only label defers a policy's delete",
      policies: [
        makePolicy("label", record, retain: years(7)), makePolicy("p1", retain: years(3), delete: years(3)),
      ], labels: ["record"], dueDay: years(7), by: "p1"),
    Example(
      testDescription: "a retain without a delete never deletes",
      policies: [makePolicy("p1", retain: years(5))],
      dueDay: nil, rule: .noCeiling),
    Example(
      testDescription: "a hold released at 3 years defers a delete at 1",
      policies: [makePolicy("p1", delete: years(1))],
      holds: [Hold(id: 7, matter: "m", releasedAt: day(years(3)))], dueDay: years(3), by: "p1"),
    Example(testDescription: "no policy at all keeps", policies: [], dueDay: nil, rule: .noCeiling),
    Example(
      testDescription: "policies for others do not count",
      policies: [
        makePolicy("p1", .conversation(otherRoom), delete: 1),
        makePolicy("p2", .subject(stranger), delete: 1),
        makePolicy("p3", .conversationKind(.direct), delete: 1), makePolicy("p4", record, delete: 1),
      ], dueDay: nil, rule: .noCeiling),
  ]

  @Test("worked examples", arguments: examples)
  func workedExample(_ example: Example) {
    let item = makeItem(labels: example.labels)
    func verdict(_ time: Timestamp) -> Disposition {
      decide(item, policies: example.policies, holds: example.holds, now: time)
    }
    guard let dueDay = example.dueDay else {
      let late = verdict(day(years(900)))
      #expect(late.verdict == .keep(until: nil))
      #expect(late.decidingRule == example.rule)
      #expect(late.dueAt == nil)
      return
    }
    let before = verdict(Timestamp(microseconds: day(dueDay).microseconds - 1))
    #expect(before.verdict != .due)
    let after = verdict(day(dueDay))
    #expect(after.verdict == .due)
    #expect(after.decidingRule == example.rule)
    let deciding = after.reasons.filter(\.decides)
    #expect(deciding.count == 1)
    if case .policy(let id, _, _, _, _) = deciding.first?.source { #expect(id == example.by) }
  }

  @Test("clocks: creation, last edit, closing of the conversation")
  func clocks() {
    func due(_ clock: Policy.Clock, _ item: Item) -> Timestamp? {
      decide(item, policies: [makePolicy("p", delete: 10, clock: clock)], holds: [], now: day(1)).dueAt
    }
    #expect(due(.created, makeItem(edited: day(5))) == day(10))
    #expect(due(.lastEdited, makeItem(edited: day(5))) == day(15))
    #expect(due(.lastEdited, makeItem()) == day(10))
    #expect(due(.conversationClosed, makeItem()) == nil)
    #expect(due(.conversationClosed, makeItem(closed: day(30))) == day(40))
    #expect(due(.event("left"), makeItem()) == nil)
    let left = ["left": Item.Occurrence(at: day(-5), settlesAt: .earliest)]
    #expect(due(.event("left"), makeItem(events: left)) == day(5))
    #expect(due(.event("other"), makeItem(events: left)) == nil)
  }

  @Test("before its event a floor has no end, and a ceiling keeps wider ones from deleting")
  func openEvent() {
    let policies = [
      makePolicy("p", Self.scoped, retain: 3, delete: 5, clock: .event("left")), makePolicy("q", delete: 2),
    ]
    func verdict(_ event: Item.Occurrence?, _ number: Int) -> Disposition {
      decide(
        makeItem(events: event.map { ["left": $0] } ?? [:]), policies: policies, holds: [], now: day(number))
    }
    #expect(verdict(nil, years(100)).verdict == .keep(until: nil))
    let withdrawn = Item.Occurrence(at: nil, settlesAt: day(10))
    #expect(verdict(withdrawn, years(100)).verdict == .keep(until: nil))
    let event = Item.Occurrence(at: day(50), settlesAt: day(60))
    #expect(verdict(event, 52).verdict == .keep(until: day(53)))
    #expect(verdict(event, 54).verdict == .keep(until: day(55)))
    #expect(verdict(event, 55).verdict == .pending(until: day(60)))
    #expect(verdict(event, 55).decidingRule == .statedLately)
    #expect(verdict(event, 60).verdict == .due)
    #expect(verdict(event, 60).decidingRule == .scopedCeiling)
  }

  @Test("a label that was changed lately keeps at once, and deletes once it has settled")
  func freshLabel() {
    let policies = [makePolicy("l", Self.record, retain: 9), makePolicy("q", delete: 2)]
    func verdict(_ labels: Set<String>, _ number: Int) -> Disposition.Verdict {
      decide(makeItem(labels: labels, labelsSettle: day(6)), policies: policies, holds: [], now: day(number))
        .verdict
    }
    #expect(verdict(["record"], 5) == .keep(until: day(9)))
    #expect(verdict([], 5) == .pending(until: day(6)))
    #expect(verdict([], 6) == .due)
    #expect(verdict(["record"], 9) == .due)
  }

  @Test("a floor whose clock has not started has no end")
  func openFloor() {
    let policies = [
      makePolicy("p", retain: 1, delete: 1, clock: .conversationClosed), makePolicy("q", delete: 2),
    ]
    let open = decide(makeItem(), policies: policies, holds: [], now: day(years(100)))
    #expect(open.verdict == .keep(until: nil))
    #expect(open.decidingRule == .floor)
    let closed = decide(makeItem(closed: day(50)), policies: policies, holds: [], now: day(60))
    #expect(closed.verdict == .due)
  }

  @Test("a conversation's own retention_days is a scoped ceiling")
  func ownRetention() {
    let item = makeItem(retentionDays: 30)
    let policies = [makePolicy("tenant", delete: 10), makePolicy("floor", retain: 20)]
    #expect(decide(item, policies: policies, holds: [], now: day(15)).verdict == .keep(until: day(20)))
    #expect(decide(item, policies: policies, holds: [], now: day(29)).verdict == .keep(until: day(30)))
    let due = decide(item, policies: policies, holds: [], now: day(30))
    #expect(due.verdict == .due)
    #expect(due.decidingRule == .scopedCeiling)
  }

  @Test("lengths beyond the calendar neither trap nor end")
  func hugeLengths() {
    let policy = Policy(id: "p", retainSeconds: .max, deleteAfterSeconds: .max)
    #expect(decide(makeItem(), policies: [policy], holds: [], now: day(0)).verdict == .keep(until: nil))
  }

  @Test("reasons list all that matched, with version and dates")
  func reasons() {
    let policies = [
      makePolicy("a", retain: 5, delete: 9, version: 3), makePolicy("b", delete: 2),
      makePolicy("c", Self.record, delete: 1),
    ]
    let hold = Hold(id: 4, matter: "Doe v. Roe", custodians: [colleague], from: day(-1), to: day(1))
    let held = decide(makeItem(), policies: policies, holds: [hold], now: day(20))
    #expect(held.verdict == .held([4]))
    #expect(
      held.reasons.map(\.description) == [
        "policy a v3: keep until \(day(5))", "policy a v3: delete at \(day(9))",
        "policy b v1: delete at \(day(2))",
        "hold 4 (Doe v. Roe)",
      ])
    #expect(held.reasons.filter(\.decides).map(\.holdID) == [4])
    #expect(held.heldBy == [4])
    #expect(held.dueAt == day(5))
    #expect(held.floorEnds == day(5))
  }
}
