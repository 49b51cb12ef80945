import Model
import Xapian

package struct RankedHit: Hashable, Sendable {
  package let hit: IndexHit
  /// In ten thousandths.
  package let score: Int64

  /// The better first, then the newer, then the higher group.
  package static func precedes(_ left: RankedHit, _ right: RankedHit) -> Bool {
    (left.score, left.hit.position, left.hit.group) > (right.score, right.hit.position, right.hit.group)
  }
}

package struct RankedPage: Sendable {
  /// Best first.
  package var hits: [RankedHit] = []
  /// Whether all matches are among them; otherwise they are the newest.
  package var exact = true
  /// Groups whose files are not what was written: nothing of theirs is ranked.
  package var damaged: Set<Int> = []
}

extension SearchIndex {
  /// Scores the query's newest matches, `limit` of them at most, wherever the cursor is.
  ///
  /// - Throws: as ``searchUndamaged(_:groups:)``.
  package func ranked(_ query: IndexQuery, by ranking: Ranking) async throws -> RankedPage {
    guard let plan = try SearchPlan(query) else { return RankedPage() }
    let pages = try await withThrowingTaskGroup(of: RankedPage?.self) { tasks in
      for group in directories.indices {
        tasks.addTask {
          guard let search = plan.search(group: group) else { return nil }
          let damaged = RankedPage(exact: false, damaged: [group])
          return try await self.read(group, ifDamaged: damaged) { (snapshot) throws(XapianError) in
            try snapshot.ranked(search, ranking, group)
          }
        }
      }
      var pages: [RankedPage] = []
      for try await page in tasks { if let page { pages.append(page) } }
      return pages
    }
    var all = RankedPage(
      hits: pages.flatMap(\.hits), exact: pages.allSatisfy(\.exact),
      damaged: pages.reduce(into: []) { $0.formUnion($1.damaged) })
    all.keepNewest(query.limit)
    all.hits.sort(by: RankedHit.precedes)
    return all
  }
}

extension RankedPage {
  fileprivate mutating func keepNewest(_ limit: Int) {
    guard hits.count > limit else { return }
    hits.sort { ($0.hit.position, $0.hit.group) > ($1.hit.position, $1.hit.group) }
    hits.removeLast(hits.count - limit)
    exact = false
  }
}

extension GroupSnapshot {
  fileprivate func ranked(_ search: XapianSearch, _ ranking: Ranking, _ group: Int) throws(XapianError)
    -> RankedPage
  {
    var page = RankedPage()
    for reader in all {
      let found = try reader.ranking(search, ranking.slots)
      let width = ranking.slots.count
      for (row, hit) in found.hits.enumerated() {
        let score = ranking.score(found.cells[(row * width)..<((row + 1) * width)])
        page.hits.append(RankedHit(hit: IndexHit(hit, group: group), score: score))
      }
      page.exact = page.exact && found.isExact
      page.keepNewest(search.limit)
    }
    return page
  }
}

extension IndexHit {
  init(_ hit: XapianPage.Hit, group: Int) {
    self.init(
      conversation: ConversationID(rawValue: hit.conversation), sender: SubjectID(rawValue: hit.sender),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: hit.createdAt), sequence: hit.sequence), group: group)
  }
}
