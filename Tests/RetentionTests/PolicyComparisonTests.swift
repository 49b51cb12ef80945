import Catalog
import Governance
import Model
import Retention
import Testing

@Suite struct PolicyComparisonTests {
  private typealias Entry = PolicyDocument.Entry

  struct Comparison: Sendable, CustomTestStringConvertible {
    let name: String
    let before: [PolicyDocument.Entry]
    let after: [PolicyDocument.Entry]
    let changes: [Tightening.Change]
    var testDescription: String { name }
  }

  private static func entry(
    _ name: String = "p", _ scope: PolicyDocument.Scope = .tenant, retain: String? = nil,
    delete: String? = nil,
    clock: Policy.Clock = .created, review: Bool = false
  ) -> PolicyDocument.Entry {
    .init(
      name: name, scope: scope, retain: retain.flatMap { RetentionLength($0) },
      deleteAfter: delete.flatMap { RetentionLength($0) }, clock: clock, review: review)
  }

  static let comparisons: [Comparison] = [
    Comparison(name: "nothing", before: [], after: [], changes: []),
    Comparison(name: "floor added", before: [], after: [entry(retain: "1y")], changes: []),
    Comparison(name: "ceiling added", before: [], after: [entry(delete: "1y")], changes: [.ceilingAdded]),
    Comparison(name: "same", before: [entry(delete: "1y")], after: [entry(delete: "365d")], changes: []),
    Comparison(
      name: "ceiling forward", before: [entry(delete: "2y")], after: [entry(delete: "1y")],
      changes: [.ceilingBroughtForward]),
    Comparison(
      name: "ceiling later", before: [entry(delete: "1y")], after: [entry(delete: "2y")], changes: []),
    Comparison(name: "ceiling removed", before: [entry(delete: "1y")], after: [], changes: []),
    Comparison(
      name: "ceiling given to a floor", before: [entry(retain: "1y")],
      after: [entry(retain: "1y", delete: "2y")],
      changes: [.ceilingAdded]),
    Comparison(
      name: "floor shortened", before: [entry(retain: "2y")], after: [entry(retain: "1y")],
      changes: [.floorShortened]),
    Comparison(name: "floor removed", before: [entry(retain: "2y")], after: [], changes: [.floorShortened]),
    Comparison(
      name: "clock changed", before: [entry(delete: "1y", clock: .lastEdited)], after: [entry(delete: "1y")],
      changes: [.ceilingAdded]),
    Comparison(
      name: "another event", before: [entry(retain: "1y", clock: .event("left"))],
      after: [entry(retain: "1y", clock: .event("ended"))], changes: [.floorShortened]),
    Comparison(
      name: "label's ceiling removed over a scoped one",
      before: [entry("a", .conversationKind(.direct), delete: "30d"), entry("b", .label("x"), delete: "1y")],
      after: [entry("a", .conversationKind(.direct), delete: "30d")], changes: [.ceilingUncovered]),
    Comparison(
      name: "label's ceiling removed, under which a conversation's own days may be",
      before: [entry("b", .label("x"), delete: "1y")], after: [], changes: [.ceilingUncovered]),
    Comparison(
      name: "scope changed", before: [entry(retain: "1y")],
      after: [entry("p", .conversationKind(.direct), retain: "1y")], changes: [.floorShortened]),
    Comparison(
      name: "scoped ceiling removed over a wider one",
      before: [entry("a", delete: "30d"), entry("b", .conversationKind(.direct), delete: "1y")],
      after: [entry("a", delete: "30d")], changes: [.ceilingUncovered]),
    Comparison(
      name: "scoped ceiling removed, nothing wider",
      before: [entry("b", .conversationKind(.direct), delete: "1y")], after: [], changes: []),
    Comparison(
      name: "reviewed ceiling lengthened past one without review",
      before: [entry("a", delete: "30d", review: true), entry("b", delete: "60d")],
      after: [entry("a", delete: "90d", review: true), entry("b", delete: "60d")],
      changes: [.reviewDropped]),
    Comparison(
      name: "reviewed ceiling removed beside one without review",
      before: [entry("a", delete: "30d", review: true), entry("b", delete: "60d")],
      after: [entry("b", delete: "60d")], changes: [.reviewDropped]),
    Comparison(
      name: "reviewed ceiling removed beside one with review",
      before: [entry("a", delete: "30d", review: true), entry("b", delete: "60d", review: true)],
      after: [entry("b", delete: "60d", review: true)], changes: []),
    Comparison(
      name: "only ceiling, reviewed, lengthened", before: [entry(delete: "30d", review: true)],
      after: [entry(delete: "90d", review: true)], changes: []),
    Comparison(
      name: "scoped ceiling, reviewed, lengthened past conversations' own days",
      before: [entry("a", .conversationKind(.direct), delete: "30d", review: true)],
      after: [entry("a", .conversationKind(.direct), delete: "90d", review: true)], changes: [.reviewDropped]),
    Comparison(
      name: "review dropped and ceiling lengthened",
      before: [entry("a", delete: "30d", review: true), entry("b", delete: "60d")],
      after: [entry("a", delete: "90d"), entry("b", delete: "60d")], changes: [.reviewDropped]),
  ]

  @Test(arguments: comparisons) func aSetIsStricterExactlyWhereItSaysSo(comparison: Comparison) throws {
    let before = try comparison.before.map { try $0.policy() }
    let after = try comparison.after.map { try $0.policy() }
    #expect(tightenings(from: before, to: after).map(\.change) == comparison.changes)
  }

  /// Tries sets at random: where nothing is called stricter, no message may be due sooner.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func whatIsNotCalledStricterNeverDeletesSooner(seed: UInt64)
    throws
  {
    var random = SplitMix(state: seed)
    for _ in 0..<2_000 {
      let (before, after) = (try Self.set(&random), try Self.set(&random))
      guard tightenings(from: before, to: after).isEmpty else { continue }
      for kind in [ConversationUpsert.Kind.direct, .group] {
        for days in [nil, Int32(3), 40] {
          let item = Item(
            tenant: TenantID(rawValue: 1), conversation: ConversationID(rawValue: 1), kind: kind,
            sender: SubjectID(rawValue: 1), createdAt: Timestamp(seconds: 0), conversationRetentionDays: days,
            labels: random.next() % 2 == 0 ? ["x"] : [],
            events: random.next() % 2 == 0
              ? ["left": .init(at: Timestamp(seconds: 86_400 * 5), settlesAt: .earliest)] : [:],
            wasMember: { _ in false })
          let change = PolicyChange(
            of: item, from: before, to: after, holds: [], now: Timestamp(seconds: 86_400 * 1_000))
          #expect(change.effect != .earlier, "seed \(seed): \(before) -> \(after)")
          for age in [2, 20, 50, 200] as [Int64] {
            let (now, was) = (Timestamp(seconds: 86_400 * age), Disposition.Verdict.due)
            let isDue = decide(item, policies: after, holds: [], now: now).verdict == was
            #expect(
              !isDue || decide(item, policies: before, holds: [], now: now).verdict == was,
              "seed \(seed), \(age) days, own \(days ?? 0): \(before) -> \(after)")
          }
        }
      }
    }
  }

  @Test func laterSetsBuildOnEarlierOnes() throws {
    func row(_ version: Int32, _ entries: [PolicyDocument.Entry], at seconds: Int64) throws -> PolicySetRow {
      PolicySetRow(
        tenant: TenantID(rawValue: 1), version: version, document: try PolicyDocument(policies: entries).json,
        effectiveAt: Timestamp(seconds: seconds), createdAt: Timestamp(seconds: seconds))
    }
    let history = try PolicyHistory([
      row(
        1, [Self.entry("a", delete: "2y"), Self.entry("b", .conversationKind(.direct), delete: "1y")], at: 10),
      row(
        2, [Self.entry("a", delete: "1y"), Self.entry("b", .conversationKind(.direct), delete: "1y")], at: 20),
      row(3, [Self.entry("a", delete: "1y")], at: 30),
    ])
    #expect(history.version == 3)
    #expect(history.names(at: Timestamp(seconds: 5)) == "")
    #expect(history.names(at: Timestamp(seconds: 15)) == "a v1, b v1")
    #expect(history.names(at: Timestamp(seconds: 25)) == "a v2, b v1")
    #expect(history.names(at: Timestamp(seconds: 35)) == "a v2")
  }

  @Test func aStoredDocumentThatIsDamagedIsNoEmptySet() {
    let row = PolicySetRow(
      tenant: TenantID(rawValue: 1), version: 1, document: #"{"policies":[{}]}"#,
      effectiveAt: .earliest, createdAt: .earliest)
    let error = #expect(throws: RetentionError.self) { try PolicyHistory([row]) }
    #expect(error?.code == .damagedPolicies)
  }

  private static func set(_ random: inout SplitMix) throws -> [Policy] {
    let lengths: [String?] = [nil, "1d", "10d", "100d"]
    let clocks = [Policy.Clock.conversationClosed, .event("left")] + Array(repeating: .created, count: 6)
    var entries: [PolicyDocument.Entry] = []
    for (name, scope) in [
      ("a", PolicyDocument.Scope.tenant), ("b", .conversationKind(.direct)), ("c", .tenant),
      ("d", .label("x")),
    ]
    where random.next() % 2 == 0 {
      entries.append(
        entry(
          name, scope, retain: lengths[Int(random.next() % 4)], delete: lengths[Int(random.next() % 4)],
          clock: clocks[Int(random.next() % 8)]))
      if entries[entries.count - 1].deleteAfter != nil {
        entries[entries.count - 1].review = random.next() % 3 == 0
      }
    }
    return try entries.map { try $0.policy() }
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
