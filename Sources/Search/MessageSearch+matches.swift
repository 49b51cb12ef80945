package import Catalog
import History
import KeyVault
import Model
import Postgres
import SearchIndex

/// Everything a query finds, for those who take it as a whole: exports.
package struct SearchMatches: Sendable {
  package var hits: [Locator] = []
  /// Messages of the hits' threads, roots included, that the query itself does not find.
  package var threadMates: [Locator] = []
  /// Whether the index could answer for every message that was asked about.
  package var isComplete = true
}

extension MessageSearch {
  /// Matches that are gathered at most; where they are, and what thread they are of, is in memory at once.
  package static let gatheredMax = 500_000
  private static let gatheredPerPage = 500
  private static let threadsMax = 10_000

  /// All matches of a compliance reader, in no order. Refuses what is too much to be gathered, rather than leaving
  /// some out.
  package func gather(_ request: SearchRequest, withThreads: Bool) async throws -> SearchMatches {
    var request = request
    request.cursor = nil
    var matches = SearchMatches()
    let found = try await all(request, &matches)
    matches.hits = found.map(\.locator)
    guard withThreads else { return matches }
    let known = Set(matches.hits.map(\.key))
    matches.threadMates = try await mates(of: found, &matches).filter { !known.contains($0.key) }
    return matches
  }

  private func all(_ request: SearchRequest, _ matches: inout SearchMatches) async throws -> [Match] {
    let scope = try await scope(request, reader: .compliance)
    let coverage = try await coverage(request, scope, indexer.positions())
    if !coverage.complete { matches.isComplete = false }
    guard let query = try await compile(request, scope) else { return [] }
    var found: [Match] = []
    var (cursor, damaged): (Cursor?, [IndexHit]) = (nil, [])
    while true {
      try Task.checkCancellation()
      let (page, count) = try await hits(query, before: cursor, limit: Self.gatheredPerPage, countMax: 0)
      if let group = count.damaged.min() {
        // Whoever takes all comes again when it is repaired.
        try await indexer.noteDamage(count.damaged)
        throw SearchIndexError(.damaged, group: group)
      }
      found += try await read(page, scope, &damaged).map { Match($0.message) }
      guard found.count <= Self.gatheredMax else {
        throw SearchError(
          .unsupported, "the query finds more than \(Self.gatheredMax) messages; narrow it by time")
      }
      guard page.count == Self.gatheredPerPage, let last = page.last else { break }
      cursor = last.cursor
    }
    if !damaged.isEmpty { matches.isComplete = false }
    return found
  }

  private struct ThreadName: Hashable {
    let conversation: ConversationID
    let id: String
  }

  private struct Match {
    let locator: Locator
    /// A message that names no thread may be the root of one.
    let thread: ThreadName

    init(_ message: HistoricMessage) {
      locator = message.locator
      thread = ThreadName(
        conversation: message.conversation, id: message.original.threadID ?? message.original.messageID)
    }
  }

  private func mates(of found: [Match], _ matches: inout SearchMatches) async throws -> [Locator] {
    let threads = Set(found.map(\.thread))
    guard threads.count <= Self.threadsMax else {
      throw SearchError(
        .unsupported, "the query finds more than \(Self.threadsMax) threads; narrow it, or leave threads out")
    }
    let cards = try await directory.cards(Set(threads.map(\.conversation)))
    var mates = try await roots(threads)
    for thread in threads {
      guard let card = cards[thread.conversation] else { continue }
      var request = SearchRequest(query: .everything)
      (request.conversationIDs, request.threadID) = ([card.profile.id], thread.id)
      for message in try await all(request, &matches) { mates[message.locator.key] = message.locator }
    }
    return Array(mates.values)
  }

  private func roots(_ threads: Set<ThreadName>) async throws -> [MessageKey: Locator] {
    let places = Dictionary(
      threads.map { (directory.hasher.messageKey($0.id), $0.conversation) },
      uniquingKeysWith: { first, _ in first })
    let keys = Array(places.keys)
    let found = try await history.database.read { tx in try Locators.find(keys, in: tx) }
    // The name of a thread is whatever its platform says; a message of another conversation is not its root.
    return found.filter {
      $0.value.conversation == places[$0.key] && $0.value.tenant == directory.tenant.id
        && $0.value.state == .live
    }
  }
}
