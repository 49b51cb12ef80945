import Model

/// What came of a search; the HTTP reply of CONTRACT §4.
package struct SearchReply: Encodable, Sendable {
  package struct Matches: Encodable, Sendable {
    package var lower: Int
    package var estimate: Int
    /// `nil`: there are more than were counted.
    package var upper: Int?

    package static let none = Matches(lower: 0, estimate: 0, upper: 0)

    enum CodingKeys: String, CodingKey { case lower, estimate, upper }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(lower, forKey: .lower)
      try container.encode(estimate, forKey: .estimate)
      try container.encode(upper, forKey: .upper)  // null where not all were counted
    }
  }
  package struct Gap: Encodable, Sendable {
    package var conversationID: String
    package var from: String?
    package var to: String?
    package var reason: String
    /// Of the keys of the tokens that were not asked for.
    package var generation: Int64?

    enum CodingKeys: String, CodingKey {
      case from, to, reason, generation
      case conversationID = "conversation_id"
    }
  }
  package struct Coverage: Encodable, Sendable {
    package var complete: Bool
    package var indexLagEvents: Int64
    package var gaps: [Gap]
    /// There are more gaps than these.
    package var truncated: Bool?

    enum CodingKeys: String, CodingKey {
      case complete, gaps, truncated
      case indexLagEvents = "index_lag_events"
    }
  }

  package var hits: [MessageView]
  package var nextCursor: String?
  package var matches: Matches
  package var coverage: Coverage

  enum CodingKeys: String, CodingKey {
    case hits, matches, coverage
    case nextCursor = "next_cursor"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(hits, forKey: .hits)
    try container.encode(nextCursor, forKey: .nextCursor)  // null where there is no more
    try container.encode(matches, forKey: .matches)
    try container.encode(coverage, forKey: .coverage)
  }
}

extension SearchReply.Matches {
  /// - Parameters:
  ///   - unreadable: hits of the index that were gone when they were read.
  ///   - shown: on the page; there are at least so many.
  init(_ count: MessageSearch.MatchCount, without unreadable: Int, shown: Int) {
    let number = max(shown, count.number - unreadable)
    // Groups count each for itself; where they stopped is nobody's business.
    lower = count.isExact ? number : min(number, max(shown, SearchRequest.Count.boundedMax))
    estimate = lower
    upper = count.isExact ? number : nil
  }
}
