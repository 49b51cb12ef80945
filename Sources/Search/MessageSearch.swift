import Catalog
package import History
import KeyVault
import Model
import Postgres
package import SearchIndex
import SearchTokens

/// Searches as one reader: authorize → compile → match newest first → read from hot or cold → page with coverage.
package struct MessageSearch: Sendable {
  let directory: Directory
  let history: HistoryReader
  let index: SearchIndex
  let indexer: Indexer
  let groups: Int
  let known: ReaderWindows
  /// Time a search may take before it is refused.
  let deadlineMilliseconds: Int

  package init(
    directory: Directory, history: HistoryReader, index: SearchIndex, indexer: Indexer, groups: Int,
    known: ReaderWindows, deadlineMilliseconds: Int
  ) {
    self.directory = directory
    self.history = history
    self.index = index
    self.indexer = indexer
    self.groups = groups
    self.known = known
    self.deadlineMilliseconds = deadlineMilliseconds
  }

  package func search(_ request: SearchRequest, reader: Reader) async throws -> SearchReply {
    let end = ContinuousClock.now + .milliseconds(deadlineMilliseconds)
    let scope = try await scope(request, reader: reader)
    // Before the search: what the index takes in meanwhile is told as missing, never the other way round.
    let positions = try await indexer.positions()
    async let known = coverage(request, scope, positions)
    guard let query = try await compile(request, scope) else {
      return SearchReply(hits: [], nextCursor: nil, matches: .none, coverage: try await known)
    }
    let page =
      switch request.sort {
      case .newest: try await matching(query, request, scope, until: end)
      case .relevance: try await ranked(query, request, scope, until: end)
      }
    let coverage = try await self.coverage(known, without: page.damaged, request, scope)
    var reply = SearchReply(
      hits: try await views(page, request), nextCursor: page.next?.text,
      matches: page.matches(lag: coverage.indexLagEvents), coverage: coverage)
    reply.ranking = page.ranking
    reply.facets = try await facets(query, request, lag: coverage.indexLagEvents, until: end)
    return reply
  }

  private func views(_ page: Page, _ request: SearchRequest) async throws -> [MessageView] {
    let views = try await MessagePresenter(directory: directory)
      .views(page.messages, withTier: true, withBodies: request.includeBodies)
    guard !page.scores.isEmpty else { return views }
    let scores = Dictionary(uniqueKeysWithValues: zip(page.messages.map(\.payload.messageID), page.scores))
    return views.map { view in
      var view = view
      view.score = scores[view.messageID].map { Double($0) / 10_000 }
      return view
    }
  }

  /// What the reader may see of what was asked for.
  struct Scope: Sendable {
    var reader: Reader
    /// Windows by conversation; `nil` for a compliance reader of the whole tenant.
    var windows: [ConversationID: [MembershipWindow]]?
    /// The same, as the index knows them from earlier searches; `nil` once they were narrowed.
    var prepared: ReadWindows?
    /// By the platform's ids, as far as they are known.
    var named: [String: ConversationCard]
    /// The conversations asked for; `nil`: all.
    var only: Set<ConversationID>?

    mutating func narrow(to wanted: Set<ConversationID>?) {
      guard let wanted else { return }
      only = only?.intersection(wanted) ?? wanted
      windows = windows?.filter { wanted.contains($0.key) }
      prepared = nil
    }

    func allows(_ place: HistoricMessage) -> Bool {
      guard let windows else { return true }
      return windows[place.conversation]?.contains { $0.contains(place.position.createdAt) } ?? false
    }
  }

  func scope(_ request: SearchRequest, reader: Reader) async throws -> Scope {
    var names = Set(request.conversationIDs ?? [])
    if case .blinded(let sets) = request.query { names.formUnion(sets.map(\.conversationID)) }
    let named = try await directory.conversations(names)
    var scope = Scope(reader: reader, windows: nil, named: named)
    if case .member(let subject) = reader { try await find(subject, &scope) }
    scope.narrow(to: request.conversationIDs.map { Set($0.compactMap { named[$0]?.conversation }) })
    for name in request.with { scope.narrow(to: try await conversations(with: name, scope)) }
    return scope
  }

  private func find(_ member: SubjectID, _ scope: inout Scope) async throws {
    let authorization = Authorization(database: history.database, tenant: directory.tenant)
    let kept = try await known.windows(of: member, by: authorization)
    (scope.windows, scope.prepared) = (kept.byConversation, kept.scope)
  }

  struct Page: Sendable {
    var messages: [HistoricMessage] = []
    /// Of each message, in ten thousandths; empty if it is not ranked.
    var scores: [Int64] = []
    var ranking: SearchReply.Ranking?
    var next: Cursor?
    var count: MatchCount?
    /// Hits of the index that were gone when they were read.
    var unreadable = 0
    /// Hits that are there, and cannot be read for damage.
    var damaged: [IndexHit] = []

    func matches(lag: Int64) -> SearchReply.Matches {
      SearchReply.Matches(count ?? MatchCount(), without: unreadable, shown: messages.count, lag: lag)
    }
  }

  /// Asks every group for its newest hits below the cursor, merges them in the one order there is, and reads
  /// them. A hit that cannot be read any more (deleted since, key destroyed) is passed over, and not counted.
  private func matching(
    _ query: IndexQuery, _ request: SearchRequest, _ scope: Scope, until end: ContinuousClock.Instant
  ) async throws -> Page {
    guard request.cursor?.rank == nil else { throw SearchError.cursorOfOtherOrder }
    let limit = min(max(request.limit, 1), SearchRequest.limitMax)
    var page = Page()
    var cursor = request.cursor
    // A later page is counted from the start as well, but need not be looked for from there.
    if cursor != nil {
      page.count = try await hits(query, limit: 0, countMax: request.count.matchesMax, until: end).count
    }
    while true {
      let found = try await hits(
        query, before: cursor, limit: limit + 1, countMax: page.count == nil ? request.count.matchesMax : 0,
        until: end)
      page.count = page.count ?? found.count
      let readable = try await read(found.hits, scope, &page.damaged)
      page.unreadable += found.hits.count - readable.count
      for entry in readable where page.messages.count < limit {
        page.messages.append(entry.message)
        cursor = entry.hit.cursor
      }
      let more = found.hits.count > limit
      if page.messages.count == limit {
        let left = readable.contains { $0.hit.cursor != cursor && $0.isAfter(cursor) }
        page.next = left || more ? cursor : nil
        return page
      }
      guard more, let last = found.hits.last else { return page }
      cursor = last.cursor
    }
  }

  /// How many matches were met, and whether that is all of them.
  struct MatchCount: Sendable {
    var number = 0
    var isExact = true
  }

  /// - Parameter end: of the search this is part of; `nil`: this is a search by itself.
  /// - Throws: `SearchIndexError` `.deadline`.
  func hits(
    _ query: IndexQuery, before cursor: Cursor? = nil, limit: Int, countMax: Int,
    until end: ContinuousClock.Instant? = nil
  ) async throws -> (hits: [IndexHit], count: MatchCount) {
    var query = query
    if let end { query.deadlineMilliseconds = try Self.milliseconds(until: end) }
    (query.limit, query.countMax) = (limit, countMax)
    (query.before, query.beforeGroup) = (cursor?.position, cursor?.group)
    let page = try await index.search(query)
    return (page.hits, MatchCount(number: page.matches, isExact: page.exact))
  }

  /// - Throws: `SearchIndexError` `.deadline` if there are none left: what is found at once would never be refused.
  static func milliseconds(until end: ContinuousClock.Instant) throws -> Int {
    let left = end - .now
    guard left > .zero else { throw SearchIndexError(.deadline) }
    return Int(left / .milliseconds(1)) + 1
  }

  struct ReadHit {
    let message: HistoricMessage
    let hit: IndexHit

    func isAfter(_ other: Cursor?) -> Bool { other.map { $0.isNewer(than: hit.cursor) } ?? true }
  }

  /// The messages of the hits, in the hits' order, as far as they are still there and the reader may see them.
  func read(_ hits: [IndexHit], _ scope: Scope, _ damaged: inout [IndexHit]) async throws -> [ReadHit] {
    let cards = try await directory.cards(Set(hits.map(\.conversation)))
    let tenant = directory.tenant.id
    func place(_ hit: IndexHit) -> MessagePlace? {
      cards[hit.conversation].map {
        MessagePlace(tenant: tenant, route: $0.route, conversation: $0.conversation, position: hit.position)
      }
    }
    let found = try await history.readable(hits.compactMap(place))
    let lost = Set(found.damaged)
    damaged += hits.filter { place($0).map(lost.contains) ?? false }
    let messages = Dictionary(
      found.messages.map { ($0.locator.place, $0) }, uniquingKeysWith: { first, _ in first })
    return hits.compactMap { hit in
      guard let place = place(hit), let message = messages[place], scope.allows(message) else { return nil }
      return ReadHit(message: message, hit: hit)
    }
  }
}

extension IndexHit {
  var cursor: Cursor { Cursor(position: position, group: group) }
}

extension Cursor {
  /// Newer first; at the same time and sequence the higher group comes first.
  func isNewer(than other: Cursor) -> Bool {
    (position.createdAt, position.sequence, group) > (
      other.position.createdAt, other.position.sequence, other.group
    )
  }
}
