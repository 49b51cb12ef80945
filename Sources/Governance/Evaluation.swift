internal import Model

/// What one set of policies says about one item, before holds and announced changes.
///
/// Inside, ``Timestamp/latest`` stands for a floor without end and a ceiling without date; it becomes `nil`
/// where the result leaves.
struct Evaluation {
  var reasons: [Reason] = []
  /// The longest floor.
  private(set) var floor: (end: Timestamp, reason: Int)?
  /// The earliest ceiling of the highest level present.
  private(set) var ceiling: (date: Timestamp, level: Policy.Level, reason: Int)?
  /// Whether the policy of that ceiling asks for a review.
  private var reviews = false
  /// When labels, and the events that policies count from, have been as they are for long enough to delete by.
  private(set) var settlesAt: Timestamp

  init(_ item: Item, _ policies: [Policy]) {
    settlesAt = item.labelsSettleAt ?? .earliest
    for policy in policies where policy.matches(item) {
      if case .event(let name) = policy.clock, let event = item.events[name] {
        settlesAt = max(settlesAt, event.settlesAt)
      }
      let start = policy.clockStart(item)
      let source = Reason.Source.policy(
        id: policy.id, name: policy.name, version: policy.version, locked: policy.locked,
        effectiveAt: policy.effectiveAt)
      if let seconds = policy.retainSeconds { addFloor(source, start, seconds) }
      if let seconds = policy.deleteAfterSeconds {
        addCeiling(source, policy.scope.level, start, seconds, review: policy.review)
      }
    }
    if let days = item.conversationRetentionDays {
      addCeiling(.conversation(days: days), .scoped, item.createdAt, Int64(days) * 86_400)
    }
  }

  private mutating func addFloor(_ source: Reason.Source, _ start: Timestamp?, _ seconds: Int64) {
    let end = start.map { $0.capped(adding: seconds) } ?? .latest
    reasons.append(Reason(source: source, effect: .floor, from: start, until: end.finite))
    if floor == nil || floor!.end < end { floor = (end, reasons.count - 1) }
  }

  private mutating func addCeiling(
    _ source: Reason.Source, _ level: Policy.Level, _ start: Timestamp?, _ seconds: Int64,
    review: Bool = false
  ) {
    let date = start.map { $0.capped(adding: seconds) } ?? .latest
    reasons.append(Reason(source: source, effect: .ceiling(level), from: start, until: date.finite))
    if let ceiling, ceiling.level > level || (ceiling.level == level && ceiling.date <= date) { return }
    ceiling = (date, level, reasons.count - 1)
    reviews = review
  }

  /// The first moment at which these policies delete; a ceiling within a floor is deferred to its end.
  var dueAt: Timestamp? {
    ceiling.map { max($0.date, floor?.end ?? .earliest) }?.finite
  }

  func isDue(at now: Timestamp) -> Bool { dueAt.map { $0 <= now } ?? false }

  func disposition(at now: Timestamp) -> Disposition {
    if let floor, now < floor.end {
      return disposition(.keep(until: floor.end.finite), .floor, floor.reason)
    }
    guard let ceiling else { return disposition(.keep(until: nil), .noCeiling, nil) }
    let verdict: Disposition.Verdict = isDue(at: now) ? (reviews ? .review : .due) : .keep(until: dueAt)
    return disposition(verdict, ceiling.level.rule, ceiling.reason)
  }

  func disposition(_ verdict: Disposition.Verdict, _ rule: Disposition.Rule, _ decides: Int?) -> Disposition {
    var marked = reasons
    if let decides { marked[decides].decides = true }
    return Disposition(
      verdict: verdict, decidingRule: rule, reasons: marked, floorEnds: floor?.end.finite, dueAt: dueAt)
  }
}

extension Policy.Level {
  var rule: Disposition.Rule {
    switch self {
    case .label: .labelCeiling
    case .scoped: .scopedCeiling
    case .tenant: .tenantCeiling
    }
  }
}

extension Timestamp {
  var finite: Timestamp? { self == .latest ? nil : self }

  /// Stops at ``Timestamp/latest`` instead of overflowing.
  func capped(adding seconds: Int64) -> Timestamp {
    let (added, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflowSum) = microseconds.addingReportingOverflow(added)
    guard !overflow, !overflowSum else { return seconds < 0 ? .earliest : .latest }
    return min(Timestamp(microseconds: sum), .latest)
  }
}
