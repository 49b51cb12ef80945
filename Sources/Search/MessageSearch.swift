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

  /// - Parameter version: of the reader's windows, if that was just read.
  package func search(
    _ request: SearchRequest, reader: Reader, version: ReaderWindows.Read? = nil
  ) async throws -> SearchReply {
    let end = ContinuousClock.now + .milliseconds(deadlineMilliseconds)
    // Before the search: what the index takes in meanwhile is told as missing, never the other way round.
    async let standing = indexer.positions()
    let scope = try await scope(request, reader: reader, version)
    let positions = try await standing
    async let known = coverage(request, scope, positions)
    guard let query = try await compile(request, scope) else {
      return SearchReply(
        hits: [], nextCursor: nil, matches: .none,
        coverage: try await coverage(known, without: Loss(groups: scope.damaged), request, scope))
    }
    var page =
      switch request.sort {
      case .newest: try await matching(query, request, scope, until: end)
      case .relevance: try await ranked(query, request, scope, until: end)
      }
    let lag = try await known.indexLagEvents
    let facets = try await facets(query, request, lag: lag, &page.loss, until: end)
    page.loss.groups.formUnion(scope.damaged)
    var reply = SearchReply(
      hits: try await views(page, request), nextCursor: page.next?.text, matches: page.matches(lag: lag),
      coverage: try await coverage(known, without: page.loss, request, scope))
    reply.ranking = page.ranking
    reply.facets = facets
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
    /// Groups of the index that could not tell who is where.
    var damaged: Set<Int> = []

    mutating func narrow(to wanted: Set<ConversationID>?) {
      guard let wanted else { return }
      only = only?.intersection(wanted) ?? wanted
      windows = windows?.filter { wanted.contains($0.key) }
      prepared = nil
    }

    /// Whether anything of the conversation may be in the reply.
    func reaches(_ conversation: ConversationID) -> Bool {
      windows.map { $0[conversation] != nil } ?? only?.contains(conversation) ?? true
    }

    func allows(_ place: HistoricMessage) -> Bool {
      guard let windows else { return true }
      return windows[place.conversation]?.contains { $0.contains(place.position.createdAt) } ?? false
    }
  }

  func scope(_ request: SearchRequest, reader: Reader, _ version: ReaderWindows.Read? = nil) async throws
    -> Scope
  {
    var names = Set(request.conversationIDs ?? [])
    if case .blinded(let sets) = request.query { names.formUnion(sets.map(\.conversationID)) }
    let named = try await directory.conversations(names)
    var scope = Scope(reader: reader, windows: nil, named: named)
    if case .member(let subject) = reader { try await find(subject, &scope, version) }
    scope.narrow(to: request.conversationIDs.map { Set($0.compactMap { named[$0]?.conversation }) })
    for name in request.with {
      let found = try await conversations(with: name, scope)
      scope.damaged.formUnion(found.damaged)
      scope.narrow(to: found.conversations)
    }
    return scope
  }

  private func find(_ member: SubjectID, _ scope: inout Scope, _ version: ReaderWindows.Read?) async throws {
    let authorization = Authorization(database: history.database, tenant: directory.tenant)
    let kept = try await known.windows(of: member, by: authorization, version)
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
    var loss = Loss()

    func matches(lag: Int64) -> SearchReply.Matches {
      SearchReply.Matches(count ?? MatchCount(), without: unreadable, shown: messages.count, lag: lag)
    }
  }

  /// What damage keeps from a reply.
  struct Loss: Sendable {
    /// That are there, and cannot be read.
    var hits: [IndexHit] = []
    /// Of the index: they gave no answer.
    var groups: Set<Int> = []
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
      page.loss.groups.formUnion(page.count?.damaged ?? [])
    }
    var asked = limit + 1
    while true {
      let found = try await hits(
        query, before: cursor, limit: asked, countMax: page.count == nil ? request.count.matchesMax : 0,
        until: end)
      page.count = page.count ?? found.count
      page.loss.groups.formUnion(found.count.damaged)
      let readable = try await read(found.hits, scope, &page.loss.hits)
      page.unreadable += found.hits.count - readable.count
      for entry in readable where page.messages.count < limit {
        page.messages.append(entry.message)
        cursor = entry.hit.cursor
      }
      let more = found.hits.count == asked
      if page.messages.count == limit {
        let left = readable.contains { $0.hit.cursor != cursor && $0.isAfter(cursor) }
        page.next = left || more ? cursor : nil
        return page
      }
      guard more, let last = found.hits.last else { return page }
      cursor = last.cursor
      // While somebody who wrote much is erased, most of what the index knows may be gone.
      asked = min(asked * 2, SearchRequest.limitMax + 1)
    }
  }

  /// How many matches were met, and whether that is all of them.
  struct MatchCount: Sendable {
    var number = 0
    var isExact = true
    /// Groups in which none were.
    var damaged: Set<Int> = []
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
    let page = try await index.searchUndamaged(query)
    return (page.hits, MatchCount(number: page.matches, isExact: page.exact, damaged: page.damaged))
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

  /// The messages of the hits, in the hits' order, as far as they are still there and the reader may see them. Names
  /// and keys are looked up beside the rows.
  func read(_ hits: [IndexHit], _ scope: Scope, _ damaged: inout [IndexHit]) async throws -> [ReadHit] {
    guard !hits.isEmpty else { return [] }
    let tenant = directory.tenant.id
    async let names = directory.names(Set(hits.map(\.sender)), Set(hits.map(\.conversation)))
    var routes = scope.routes(of: hits)
    if routes == nil { routes = try await names.cards.mapValues(\.route) }
    let known = routes ?? [:]
    func place(_ hit: IndexHit) -> MessagePlace? {
      known[hit.conversation].map {
        MessagePlace(tenant: tenant, route: $0, conversation: hit.conversation, position: hit.position)
      }
    }
    let found = try await history.readable(
      hits.compactMap(place), lanes: Set(hits.map { $0.lane(tenant) }))
    let lost = Set(found.damaged)
    damaged += hits.filter { place($0).map(lost.contains) ?? false }
    let messages = Dictionary(
      found.messages.map { ($0.locator.place, $0) }, uniquingKeysWith: { first, _ in first })
    let cards = try await names.cards
    return hits.compactMap { hit in
      guard cards[hit.conversation] != nil, let place = place(hit), let message = messages[place],
        scope.allows(message)
      else { return nil }
      return ReadHit(message: message, hit: hit)
    }
  }
}

extension MessageSearch.Scope {
  /// Of the hits' conversations, if the reader's windows name them.
  fileprivate func routes(of hits: [IndexHit]) -> [ConversationID: RouteKey]? {
    guard let windows else { return nil }
    var routes: [ConversationID: RouteKey] = [:]
    for hit in hits { routes[hit.conversation] = windows[hit.conversation]?.first?.route }
    return routes
  }
}

extension IndexHit {
  fileprivate func lane(_ tenant: TenantID) -> LaneID {
    LaneID(
      tenant: tenant, subject: sender, conversation: conversation,
      period: Period(containing: position.createdAt))
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
