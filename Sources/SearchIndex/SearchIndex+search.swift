import Model
import Xapian

extension SearchIndex {
  /// The newest matches inside the query's scope, and how many there are.
  ///
  /// - Parameter groups: where to look; `nil`: everywhere. A group that was never written to holds nothing.
  /// - Throws: `.badQuery`, `.deadline`, `.damaged`, `.busy`.
  package func search(_ query: IndexQuery, groups: [Int]? = nil) async throws -> IndexPage {
    let page = try await searchUndamaged(query, groups: groups)
    if let group = page.damaged.min() { throw SearchIndexError(.damaged, group: group) }
    return page
  }

  /// As ``search(_:groups:)``, but damaged groups are named rather than thrown: the others answer.
  package func searchUndamaged(_ query: IndexQuery, groups: [Int]? = nil) async throws -> IndexPage {
    guard let plan = try SearchPlan(query) else { return .empty }
    let lanes = lanes(Set(groups ?? Array(directories.indices)).sorted())
    defer { leave(lanes) }
    if lanes.count == 1 { return try await search(plan, lanes[0]) }
    return try await withThrowingTaskGroup(of: IndexPage.self) { tasks in
      for lane in lanes { tasks.addTask { try await self.search(plan, lane) } }
      var pages: [IndexPage] = []
      for try await page in tasks { pages.append(page) }
      return IndexPage.merged(pages, limit: query.limit)
    }
  }

  private func search(_ plan: SearchPlan, _ lane: Lane) async throws -> IndexPage {
    try await readers[lane.reader].search(plan, lane.groups.map { directories[$0] })
  }
}

extension GroupSnapshot {
  /// Newest generations first; those that cannot add to a full page are not asked, unless all is to be counted.
  func search(_ search: XapianSearch) throws(XapianError) -> XapianPage {
    var page = try hot.search(search)
    var dated: [(newest: Int64, reader: XapianReader)] = []
    for reader in older { if let newest = reader.newest { dated.append((newest, reader)) } }
    for (newest, reader) in dated.sorted(by: { $0.newest > $1.newest }) {
      var rest = search
      let isFull = page.hits.count == search.limit
      let isNarrowed = rest.narrow(counted: page.matches, oldest: isFull ? page.hits.last?.createdAt : nil)
      if !isNarrowed || newest >= rest.from {
        page = page.merged(with: try reader.search(rest), limit: search.limit)
      }
      if isNarrowed { page = page.inexact }
    }
    return page
  }
}

extension XapianSearch {
  /// What is left to be asked for once others were searched: behind a full page, and with enough counted, only what
  /// is no older than its last hit.
  ///
  /// - Returns: whether anything is left out by that.
  mutating func narrow(counted: Int, oldest: Int64?) -> Bool {
    countMax = countMax == .max ? .max : max(0, countMax - counted)
    guard countMax == 0, let oldest, oldest > from else { return false }
    from = oldest
    return true
  }
}

extension XapianPage {
  fileprivate var inexact: XapianPage { XapianPage(hits: hits, matches: matches, isExact: false) }
}

extension IndexPage {
  init(_ page: XapianPage, group: Int) {
    self.init(
      hits: page.hits.map { hit in
        IndexHit(
          conversation: ConversationID(rawValue: hit.conversation), sender: SubjectID(rawValue: hit.sender),
          position: MessagePosition(
            createdAt: Timestamp(microseconds: hit.createdAt), sequence: hit.sequence), group: group)
      }, matches: page.matches, exact: page.isExact)
  }
}
