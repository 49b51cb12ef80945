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

  /// How far matches are counted.
  package enum Count: String, Sendable, CaseIterable {
    /// To a thousand: a page of the newest ends early then.
    case bounded
    case exact

    package static let boundedMax = 1_000

    var matchesMax: Int { self == .exact ? .max : Self.boundedMax }
  }

  package enum Sort: String, Sendable, CaseIterable { case newest, relevance }

  /// What matches can be counted by.
  package enum Facet: String, Sendable, CaseIterable { case conversation, sender, month, attachment }

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
  package var sort = Sort.newest
  package var count = Count.bounded
  package var facets: Set<Facet> = []
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
