import Catalog
import Model

/// What a preview finds of one message.
struct PreviewFinding: Sendable {
  enum Effect: Sendable { case none, due, earlier, later, held }

  let locator: Locator
  var effect: Effect
  /// When it would go, at the earliest.
  var goesAt: Timestamp?
  /// Of what is due; `nil`: archived.
  var bytes: Int64?
}

/// Adds up a preview message by message. However many there are, it takes ``RetentionPreview/rowsMax`` entries.
struct PreviewTally {
  struct Place: Hashable {
    let conversation: ConversationID
    let period: Period
  }

  struct Entry {
    var counts = RetentionPreview.Counts()
    var oldest: Timestamp
    var goesAt: Timestamp?
    /// Of what is due, archived.
    var archived = 0
    var samples: [MessageKey] = []
  }

  private(set) var entries: [Place: Entry] = [:]
  private(set) var totals = RetentionPreview.Counts()
  private(set) var goesAt: Timestamp?
  /// Of what is due, archived, by month.
  private(set) var archived: [Period: Int] = [:]
  private(set) var examined = 0
  private(set) var truncated = false

  mutating func add(_ findings: [PreviewFinding]) {
    for finding in findings { add(finding) }
  }

  private mutating func add(_ finding: PreviewFinding) {
    examined += 1
    guard finding.effect != .none else { return }
    totals.add(finding)
    goesAt = [goesAt, finding.goesAt].compactMap { $0 }.min()
    let period = Period(containing: finding.locator.position.createdAt)
    if finding.isArchived { archived[period, default: 0] += 1 }
    let place = Place(conversation: finding.locator.conversation, period: period)
    guard entries[place] != nil || entries.count < RetentionPreview.rowsMax else {
      truncated = true
      return
    }
    entries[place, default: Entry(oldest: finding.locator.position.createdAt)].add(finding)
  }
}

extension PreviewFinding {
  fileprivate var isArchived: Bool { effect == .due && bytes == nil }
}

extension PreviewTally.Entry {
  fileprivate mutating func add(_ finding: PreviewFinding) {
    counts.add(finding)
    oldest = min(oldest, finding.locator.position.createdAt)
    goesAt = [goesAt, finding.goesAt].compactMap { $0 }.min()
    if finding.isArchived { archived += 1 }
    if finding.effect == .due, samples.count < RetentionPreview.samplesMax {
      samples.append(finding.locator.key)
    }
  }
}

extension RetentionPreview.Counts {
  fileprivate mutating func add(_ finding: PreviewFinding) {
    switch finding.effect {
    case .none: break
    case .due: due += 1
    case .earlier: earlier += 1
    case .later: later += 1
    case .held: held += 1
    }
    bytes += finding.bytes ?? 0
  }
}
