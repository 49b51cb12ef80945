import Catalog
import History
import Model
import SearchIndex

extension MessageSearch {
  /// Matches that are ranked at most: the newest of all.
  static let rankedMax = 10_000

  /// The best of the newest matches. A word counts the more, the fewer of the messages this reader may see hold it, so
  /// that a score tells nothing of others (decision 0032).
  func ranked(
    _ query: IndexQuery, _ request: SearchRequest, _ scope: Scope, until end: ContinuousClock.Instant
  ) async throws -> Page {
    var page = Page()
    page.count = try await hits(query, limit: 0, countMax: request.count.matchesMax, until: end).count
    page.loss.groups.formUnion(page.count?.damaged ?? [])
    let ranking = try await ranking(query, request.cursor, &page.loss, until: end)
    var candidates = query
    candidates.limit = Self.rankedMax
    if let until = request.cursor?.rank?.until {
      candidates.until = min(candidates.until ?? until, until)
    }
    candidates.deadlineMilliseconds = try Self.milliseconds(until: end)
    let found = try await index.ranked(candidates, by: ranking)
    page.loss.groups.formUnion(found.damaged)
    page.ranking = SearchReply.Ranking(ranked: found.hits.count, complete: found.exact)
    let newest = found.hits.lazy.map(\.hit.position.createdAt).max() ?? .earliest
    let until = request.cursor?.rank?.until ?? Timestamp(microseconds: newest.microseconds + 1)
    func cursor(_ hit: RankedHit) -> Cursor {
      Cursor(
        position: hit.hit.position, group: hit.hit.group,
        rank: Cursor.Rank(score: hit.score, until: until, frequencies: ranking.frequencies))
    }
    try await fill(&page, from: found.hits.drop { !$0.isAfter(request.cursor) }, request, scope, cursor)
    return page
  }

  /// Takes readable messages, best first, until the page is full.
  private func fill(
    _ page: inout Page, from hits: ArraySlice<RankedHit>, _ request: SearchRequest, _ scope: Scope,
    _ cursor: (RankedHit) -> Cursor
  ) async throws {
    let limit = min(max(request.limit, 1), SearchRequest.limitMax)
    var rest = hits
    while !rest.isEmpty, page.messages.count < limit {
      let part = rest.prefix(limit)
      let readable = try await read(part.map(\.hit), scope, &page.loss.hits)
      page.unreadable += part.count - readable.count
      let byHit = Dictionary(readable.map { ($0.hit, $0.message) }) { first, _ in first }
      for ranked in part {
        guard page.messages.count < limit else { return }
        rest = rest.dropFirst()
        guard let message = byHit[ranked.hit] else { continue }
        page.messages.append(message)
        page.scores.append(ranked.score)
        page.next = rest.isEmpty ? nil : cursor(ranked)
      }
    }
    if rest.isEmpty { page.next = nil }
  }

  /// Of a first page by what its reader may see now; of a later one by what the first went by.
  private func ranking(
    _ query: IndexQuery, _ cursor: Cursor?, _ loss: inout Loss, until end: ContinuousClock.Instant
  ) async throws -> Ranking {
    let counting = Ranking.counting(query)
    if let cursor {
      guard let known = cursor.rank, known.frequencies.count == counting.count else {
        throw SearchError.cursorOfOtherOrder
      }
      return Ranking(query.clauses, frequencies: known.frequencies)
    }
    var frequencies: [Int] = []
    for var query in counting {
      query.deadlineMilliseconds = try Self.milliseconds(until: end)
      let found = try await index.searchUndamaged(query)
      loss.groups.formUnion(found.damaged)
      frequencies.append(min(found.matches, Ranking.frequencyMax))
    }
    return Ranking(query.clauses, frequencies: frequencies)
  }
}

extension RankedHit {
  func isAfter(_ cursor: Cursor?) -> Bool {
    guard let cursor, let ranking = cursor.rank else { return true }
    return (score, hit.position, hit.group) < (ranking.score, cursor.position, cursor.group)
  }
}
