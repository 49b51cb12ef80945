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

  /// Matches by what they have in common.
  package struct Facet: Encodable, Sendable, Hashable {
    package struct Bucket: Encodable, Sendable, Hashable {
      /// The platform's id of a conversation or sender; a month as 2024-05; a kind of attachment.
      package var value: String
      package var name: String?
      package var count: Int
    }
    package var buckets: [Bucket]
    /// Matches in none of the buckets; `nil` for attachments, as a message may have several kinds or none.
    package var other: Int?
    /// If not, there are more matches than were looked at.
    package var exact: Bool
  }
  package struct Facets: Encodable, Sendable, Hashable {
    package var conversation: Facet?
    package var sender: Facet?
    package var month: Facet?
    package var attachment: Facet?

    /// After matches were counted that may turn out to be none.
    package mutating func blur() {
      conversation?.exact = false
      sender?.exact = false
      month?.exact = false
      attachment?.exact = false
    }
  }
  /// How far a search by relevance looked.
  package struct Ranking: Encodable, Sendable, Hashable {
    /// The newest so many matches were ranked.
    package var ranked: Int
    /// Whether these are all.
    package var complete: Bool

    package init(ranked: Int, complete: Bool) {
      self.ranked = ranked
      self.complete = complete
    }
  }

  package var hits: [MessageView]
  package var nextCursor: String?
  package var matches: Matches
  package var ranking: Ranking?
  package var facets: Facets?
  package var coverage: Coverage

  package init(hits: [MessageView], nextCursor: String?, matches: Matches, coverage: Coverage) {
    self.hits = hits
    self.nextCursor = nextCursor
    self.matches = matches
    self.coverage = coverage
  }

  enum CodingKeys: String, CodingKey {
    case hits, matches, ranking, facets, coverage
    case nextCursor = "next_cursor"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(hits, forKey: .hits)
    try container.encode(nextCursor, forKey: .nextCursor)  // null where there is no more
    try container.encode(matches, forKey: .matches)
    try container.encodeIfPresent(ranking, forKey: .ranking)
    try container.encodeIfPresent(facets, forKey: .facets)
    try container.encode(coverage, forKey: .coverage)
  }
}

extension SearchReply.Matches {
  /// - Parameters:
  ///   - unreadable: hits of the index that were gone when they were read.
  ///   - shown: on the page; there are at least so many.
  ///   - lag: steps the index is behind; each may be a deletion of what it counts, or a message it does not know.
  init(_ count: MessageSearch.MatchCount, without unreadable: Int, shown: Int, lag: Int64) {
    let number = max(shown, count.number - unreadable)
    // Groups count each for itself; where they stopped is nobody's business.
    estimate = count.isExact ? number : min(number, max(shown, SearchRequest.Count.boundedMax))
    lower = max(shown, estimate - Int(min(lag, Int64(estimate))))
    upper = count.isExact && lag == 0 && unreadable == 0 ? number : nil
  }
}
