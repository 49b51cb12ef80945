import Catalog
package import Model

/// What policies would do to the live data, by conversation and month.
package struct RetentionPreview: Hashable, Sendable {
  /// Rows kept; what is beyond is in the totals only.
  package static let rowsMax = 20_000
  /// Rows with sample ids: those with the most messages due.
  package static let sampledRowsMax = 100
  package static let samplesMax = 5

  package struct Counts: Hashable, Sendable {
    /// Due at once. With a proposal: kept now, but due as soon as that takes effect.
    package var due = 0
    /// Would go later than today, yet sooner than under what is in force.
    package var earlier = 0
    /// Would stay longer, or for good.
    package var later = 0
    /// Would be due, if no hold kept them.
    package var held = 0

    package var isEmpty: Bool { due + earlier + later + held == 0 }
  }

  package struct Row: Hashable, Sendable {
    /// The platform's id; `nil` once the conversation's key is gone.
    package var conversation: String?
    package let period: Period
    package var counts: Counts
    /// Of the messages counted.
    package var oldest: Timestamp
    /// How much space would be freed; `nil`: not known without opening segments.
    package var bytes: Int64?
    /// Platform's ids of some that are due.
    package var samples: [String]
  }

  /// The version compared with; 0: none was ever set.
  package let policySet: Int32
  package var rows: [Row]
  package var totals: Counts
  /// Messages that a rule could reach and that were looked at.
  package var examined: Int
  /// Whether there are more rows than ``rowsMax``.
  package var truncated: Bool
  /// Why a proposal would wait for the grace period before it takes effect.
  package var tightenings: [Tightening]
}

/// What a preview finds of one message.
enum PreviewEffect: Sendable { case none, due, earlier, later, held }

/// Adds up a preview message by message.
struct PreviewTally {
  struct Place: Hashable {
    let conversation: ConversationID
    let period: Period
  }

  struct Entry {
    var counts = RetentionPreview.Counts()
    var oldest: Timestamp
    var samples: [MessagePlace] = []
  }

  private(set) var entries: [Place: Entry] = [:]
  private(set) var totals = RetentionPreview.Counts()
  private(set) var examined = 0
  private(set) var truncated = false

  mutating func add(_ locator: Locator, _ effect: PreviewEffect) {
    examined += 1
    guard effect != .none else { return }
    totals.add(effect)
    let place = Place(
      conversation: locator.conversation, period: Period(containing: locator.position.createdAt))
    guard entries[place] != nil || entries.count < RetentionPreview.rowsMax else {
      truncated = true
      return
    }
    entries[place, default: Entry(oldest: locator.position.createdAt)].add(locator, effect)
  }
}

extension PreviewTally.Entry {
  fileprivate mutating func add(_ locator: Locator, _ effect: PreviewEffect) {
    counts.add(effect)
    oldest = min(oldest, locator.position.createdAt)
    if effect == .due, samples.count < RetentionPreview.samplesMax { samples.append(locator.place) }
  }
}

extension RetentionPreview.Counts {
  fileprivate mutating func add(_ effect: PreviewEffect) {
    switch effect {
    case .none: break
    case .due: due += 1
    case .earlier: earlier += 1
    case .later: later += 1
    case .held: held += 1
    }
  }
}
