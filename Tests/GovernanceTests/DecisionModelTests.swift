import Foundation
import Governance
import Model
import Testing

/// Compares the decision with a model that knows no dates: it asks day by day, and spells the rules out.
@Suite("Decision against a slow model")
struct DecisionModelTests {
  static let horizon = 40
  static let clocks: [Policy.Clock] = [
    .created, .lastEdited, .conversationClosed, .event("left"), .event("other"),
  ]

  struct Case {
    let item: Item
    let policies: [Policy]
    let holds: [Hold]
    let today: Int
  }

  /// Cases in which something mattered.
  struct Counts {
    /// A label's ceiling decided, or its policy's floor was the longest.
    var labelled = 0
    /// A policy that counts from an event decided.
    var events = 0
    var reviews = 0
    var due = 0
    var held = 0
    /// A label or an event was stated too lately.
    var lately = 0

    mutating func add(_ one: Case, _ disposition: Disposition) {
      switch disposition.verdict {
      case .review: reviews += 1
      case .due: due += 1
      case .held: held += 1
      default: break
      }
      if disposition.decidingRule == .statedLately { lately += 1 }
      for reason in disposition.reasons where reason.decides {
        guard case .policy(let id, _, let version, _, _) = reason.source,
          let policy = one.policies.first(where: { $0.id == id && $0.version == version })
        else { continue }
        if policy.scope.level == .label { labelled += 1 }
        if case .event = policy.clock { events += 1 }
      }
    }
  }

  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
    mutating func maybe<T>(_ value: (inout Random) -> T) -> T? {
      Bool.random(using: &self) ? value(&self) : nil
    }
    mutating func day() -> Int { Int.random(in: 0..<20, using: &self) }
  }

  @Test("due, reviewed, held, kept and restricted on every random case")
  func agrees() {
    let seed =
      ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
    print("DecisionModelTests seed \(seed)")
    var random = Random(state: seed)
    var counts = Counts()
    let cases = ProcessInfo.processInfo.environment["MUNIMENT_SLOW_TESTS"] == "1" ? 1_000_000 : 20_000
    for number in 0..<cases {
      let one = makeCase(&random)
      let disposition = decide(one.item, policies: one.policies, holds: one.holds, now: day(one.today))
      let erasure = decideErasure(one.item, policies: one.policies, holds: one.holds, now: day(one.today))
      // Not by the macro, which costs more than the case.
      guard disposition.verdict == model(one), (erasure.verdict == .restricted) == restricts(one),
        disposition.dueAt == firstDueDay(one).map(day)
      else {
        Issue.record("case \(number) of seed \(seed): \(one)")
        return
      }
      counts.add(one, disposition)
    }
    print("DecisionModelTests \(cases) cases, no difference; \(counts)")
    // What is never made is never compared.
    #expect(
      [counts.labelled, counts.events, counts.reviews, counts.lately, counts.due].allSatisfy { $0 > 0 })
  }

  func makeCase(_ random: inout Random) -> Case {
    let item = makeItem(
      edited: random.maybe { day($0.day()) }, retentionDays: random.maybe { Int32($0.day()) },
      labels: random.maybe { _ in ["record"] } ?? [],
      labelsSettle: random.maybe { $0.maybe { day($0.day()) } } ?? nil,
      closed: random.maybe { day($0.day()) }, events: random.maybe { ["left": occurrence(&$0)] } ?? [:])
    let scopes: [Policy.Scope] = [
      .tenant, .conversationKind(.channel), .conversationKind(.direct), .conversation(room),
      .conversation(otherRoom),
      .subject(author), .subject(stranger), .label("record"), .label("other"),
    ]
    let policies = (0..<Int.random(in: 0..<6, using: &random)).map { number in
      Policy(
        id: "p\(number / 2)", version: Int32(number), scope: scopes.randomElement(using: &random)!,
        retainSeconds: random.maybe { days($0.day()) }, deleteAfterSeconds: random.maybe { days($0.day()) },
        clock: Self.clocks.randomElement(using: &random)!, locked: Bool.random(using: &random),
        review: Bool.random(using: &random),
        effectiveAt: random.maybe { day($0.day()) } ?? .earliest)
    }
    let people = [author, colleague, stranger]
    let holds = (0..<Int.random(in: 0..<3, using: &random)).map { number in
      Hold(
        id: Int64(number), matter: "m",
        custodians: random.maybe { [people.randomElement(using: &$0)!] } ?? [],
        conversations: random.maybe { $0.maybe { _ in [room] } ?? [otherRoom] } ?? [],
        from: random.maybe { day($0.day() - 15) }, to: random.maybe { day($0.day() - 5) },
        releasedAt: random.maybe { day($0.day()) })
    }
    return Case(
      item: item, policies: policies, holds: holds, today: Int.random(in: 0..<Self.horizon, using: &random))
  }

  /// One that settled before anything was sent, or later; or was withdrawn.
  func occurrence(_ random: inout Random) -> Item.Occurrence {
    Item.Occurrence(
      at: random.maybe { day($0.day() - 5) }, settlesAt: random.maybe { day($0.day()) } ?? .earliest)
  }

  // MARK: The model

  func clockDay(_ policy: Policy, _ item: Item) -> Int? {
    func number(_ time: Timestamp) -> Int { Int((time.microseconds - sent.microseconds) / 86_400_000_000) }
    switch policy.clock {
    case .created: return 0
    case .lastEdited: return item.editedAt.map(number) ?? 0
    case .conversationClosed: return item.closedAt.map(number)
    case .event(let name): return (item.events[name]?.at).map(number)
    }
  }

  /// When nothing that decides was stated lately any more.
  func settlesOn(_ policies: [Policy], _ item: Item) -> Timestamp {
    var latest = item.labelsSettleAt ?? .earliest
    for (name, event) in item.events where policies.contains(where: { $0.clock == .event(name) }) {
      latest = max(latest, event.settlesAt)
    }
    return latest
  }

  func applying(_ one: Case, on date: Int) -> [Policy] {
    one.policies.filter { policy in
      let started = policy.effectiveAt <= day(date)
      let replaced = one.policies.contains {
        $0.id == policy.id && $0.version > policy.version && $0.effectiveAt <= day(date)
      }
      return started && !replaced && applies(policy, one.item)
    }
  }

  func applies(_ policy: Policy, _ item: Item) -> Bool {
    switch policy.scope {
    case .tenant: true
    case .conversationKind(let kind): kind == .channel
    case .conversation(let conversation): conversation == room
    case .subject(let subject): subject == author
    case .label(let label): item.labels == [label]
    }
  }

  func isProtected(_ policies: [Policy], _ item: Item, on date: Int) -> Bool {
    policies.contains { policy in
      guard let retain = policy.retainSeconds else { return false }
      guard let start = clockDay(policy, item) else { return true }
      return date < start + Int(retain / 86_400)
    }
  }

  /// Whether the ceilings of the highest level present have one that passed.
  func isExpired(_ policies: [Policy], _ item: Item, on date: Int) -> Bool {
    var ceilings = policies.filter { $0.deleteAfterSeconds != nil }.map { policy in
      (
        level: policy.scope.level,
        passed: clockDay(policy, item).map { $0 + Int(policy.deleteAfterSeconds! / 86_400) <= date } ?? false
      )
    }
    if let own = item.conversationRetentionDays { ceilings.append((.scoped, Int(own) <= date)) }
    for level in [Policy.Level.label, .scoped, .tenant] {
      let here = ceilings.filter { $0.level == level }
      if !here.isEmpty { return here.contains { $0.passed } }
    }
    return false
  }

  /// Whether the ceiling that passed first, of the highest level present, is of a policy that asks for a review; of
  /// several on one day, of the first by id. A conversation's own days ask for none, and come last.
  func isReviewed(_ policies: [Policy], _ item: Item) -> Bool {
    for level in [Policy.Level.label, .scoped, .tenant] {
      let here = policies.filter { $0.deleteAfterSeconds != nil && $0.scope.level == level }
      let own = level == .scoped ? item.conversationRetentionDays : nil
      guard !here.isEmpty || own != nil else { continue }
      for date in -10..<100 {
        let passed = here.filter { policy in
          clockDay(policy, item).map { $0 + Int(policy.deleteAfterSeconds! / 86_400) <= date } ?? false
        }
        if let first = passed.min(by: { $0.id < $1.id }) { return first.review }
        if let own, Int(own) <= date { return false }
      }
      return false
    }
    return false
  }

  func isDue(_ policies: [Policy], _ item: Item, on date: Int) -> Bool {
    !isProtected(policies, item, on: date) && isExpired(policies, item, on: date)
  }

  func firstDueDay(_ one: Case) -> Int? {
    let policies = applying(one, on: one.today)
    return (-10..<100).first { isDue(policies, one.item, on: $0) }
  }

  func holding(_ one: Case) -> [Int64] {
    one.holds.filter { hold in
      let released = hold.releasedAt.map { $0 <= day(one.today) } ?? false
      let person = hold.custodians.isEmpty || !Set(hold.custodians).isDisjoint(with: [author, colleague])
      let place = hold.conversations.isEmpty || hold.conversations.contains(room)
      let early = hold.from.map { sent < $0 } ?? false
      let late = hold.to.map { sent >= $0 } ?? false
      return !released && person && place && !early && !late
    }.map(\.id)
  }

  func model(_ one: Case) -> Disposition.Verdict {
    let held = holding(one)
    if !held.isEmpty { return .held(held) }
    let policies = applying(one, on: one.today)
    let due = isDue(policies, one.item, on: one.today)
    for date in one.today + 1..<Self.horizon
    where isDue(applying(one, on: date), one.item, on: one.today) != due {
      return .pending(until: day(date))
    }
    if due {
      let settled = settlesOn(policies, one.item)
      guard settled <= day(one.today) else { return .pending(until: settled) }
      return isReviewed(policies, one.item) ? .review : .due
    }
    guard isProtected(policies, one.item, on: one.today) else {
      return .keep(until: firstDueDay(one).map(day))
    }
    return .keep(until: (one.today..<100).first { !isProtected(policies, one.item, on: $0) }.map(day))
  }

  func restricts(_ one: Case) -> Bool {
    let locked = applying(one, on: one.today).filter(\.locked)
    return !holding(one).isEmpty || isProtected(locked, one.item, on: one.today)
  }
}
