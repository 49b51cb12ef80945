package import Model

/// What policies would do to the live data, by conversation and month.
package struct RetentionPreview: Hashable, Sendable {
  /// Rows kept; what is beyond is in the totals only.
  package static let rowsMax = 20_000
  /// Rows with sample ids: those with the most messages due.
  package static let sampledRowsMax = 100
  package static let samplesMax = 5

  package struct Counts: Hashable, Sendable, Codable {
    /// Due at once. With a proposal, or a statement: kept now, but due as soon as that takes effect.
    package var due = 0
    /// Would go later than today, yet sooner than under what is in force.
    package var earlier = 0
    /// Would stay longer, or for good.
    package var later = 0
    /// Would be due, if no hold kept them.
    package var held = 0
    /// What is due takes up so much as it is stored: hot messages as they are, archived ones by the average of their
    /// months' segments.
    package var bytes: Int64 = 0
  }

  package struct Row: Hashable, Sendable {
    /// The platform's id; `nil` once the conversation's key is gone.
    package var conversation: String?
    package let period: Period
    package var counts: Counts
    /// Of the messages counted.
    package var oldest: Timestamp
    /// When the first of what is due or goes earlier would go, at the earliest.
    package var goesAt: Timestamp?
    /// Platform's ids of some that are due; those that are gone meanwhile are missing.
    package var samples: [String]
  }

  package let madeAt: Timestamp
  /// The version compared with; 0: none was ever set.
  package let policySet: Int32
  package var rows: [Row]
  package var totals: Counts
  package var goesAt: Timestamp?
  /// Messages that a rule could reach and that were looked at.
  package var examined: Int
  /// Whether there are more rows than ``rowsMax``.
  package var truncated: Bool
  /// Why a proposal would wait for the grace period before it takes effect.
  package var tightenings: [Tightening]
}
