package import Model
import SearchIndex
package import SearchTokens

/// A search as a reader asks it; ids are the platform's.
package struct SearchRequest: Sendable {
  /// What to match.
  package enum Query: Sendable {
    /// Words the server may read.
    case plain(QueryNode)
    /// For blinded conversations: one tree of blinded tokens a conversation and generation.
    case blinded([BlindedSet])
    /// No words: filters alone.
    case everything
  }

  package struct BlindedSet: Sendable {
    package var conversationID: String
    package var generation: UInt32
    package var tree: QueryNode

    package init(conversationID: String, generation: UInt32, tree: QueryNode) {
      self.conversationID = conversationID
      self.generation = generation
      self.tree = tree
    }
  }

  package var query: Query
  package var conversationIDs: [String]?
  package var from: [String]?
  package var before: Timestamp?
  package var after: Timestamp?
  /// `link`, `file`, `image`, `reaction`, `edited`, `thread`.
  package var flags: [String] = []
  /// Subjects who are or were in the conversation, all of them, as far as the reader can see.
  package var with: [String] = []
  /// Only messages that name this thread.
  package var threadID: String?
  package var limit = 50
  package var cursor: Cursor?
  package var includeBodies = true

  package static let limitMax = 200
  package static let withMax = 16

  package init(query: Query) { self.query = query }

  /// From the query language. `blinded` takes the place of the words where these were blinded by a client.
  package init(_ parsed: ParsedQuery, blinded: [BlindedSet]? = nil) throws(SearchError) {
    query = blinded.map { .blinded($0) } ?? parsed.text.map { .plain($0) } ?? .everything
    conversationIDs = parsed.in.isEmpty ? nil : parsed.in
    from = parsed.from.isEmpty ? nil : parsed.from
    before = parsed.before.map { Timestamp(microseconds: $0.from) }
    after = parsed.after.map { Timestamp(microseconds: $0.until) }
    if let day = parsed.on {
      after = max(after ?? .earliest, Timestamp(microseconds: day.from))
      before = min(before ?? .latest, Timestamp(microseconds: day.until))
    }
    guard parsed.with.count <= Self.withMax else {
      throw SearchError(.badQuery, "with: can be given at most \(Self.withMax) times")
    }
    with = parsed.with
    flags = parsed.has.map(\.rawValue) + parsed.is.map(\.rawValue)
  }
}

/// What came of a search; the HTTP reply of CONTRACT §4.
package struct SearchReply: Encodable, Sendable {
  package struct Matches: Encodable, Sendable {
    package var lower: Int
    package var estimate: Int
    package var upper: Int
  }
  package struct Gap: Encodable, Sendable {
    package var conversationID: String
    package var from: String?
    package var to: String?
    package var reason: String

    enum CodingKeys: String, CodingKey {
      case from, to, reason
      case conversationID = "conversation_id"
    }
  }
  package struct Coverage: Encodable, Sendable {
    package var complete: Bool
    package var indexLagEvents: Int64
    package var gaps: [Gap]

    enum CodingKeys: String, CodingKey {
      case complete, gaps
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
