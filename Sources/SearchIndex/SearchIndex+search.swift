import Model
import Xapian

extension SearchIndex {
  /// The newest matches inside the query's scope, and how many there are.
  ///
  /// - Parameter groups: where to look; `nil`: everywhere. A group that was never written to holds nothing.
  /// - Throws: `.tooBroad`, `.badQuery`, `.deadline`, `.damaged`, `.busy`.
  package func search(_ query: IndexQuery, groups: [Int]? = nil) async throws -> IndexPage {
    guard let plan = try SearchPlan(query) else { return .empty }
    let wanted = Set(groups ?? Array(directories.indices)).sorted()
    if wanted.count == 1 { return try await search(plan, group: wanted[0]) }
    return try await withThrowingTaskGroup(of: IndexPage.self) { tasks in
      for group in wanted { tasks.addTask { try await self.search(plan, group: group) } }
      var pages: [IndexPage] = []
      for try await page in tasks { pages.append(page) }
      return IndexPage.merged(pages, limit: query.limit)
    }
  }

  private func search(_ plan: SearchPlan, group: Int) async throws -> IndexPage {
    let search = plan.search(group: group)
    let page = try await read(group) { (snapshot) throws(XapianError) in try snapshot.search(search) }
    return page.map { IndexPage($0, group: group) } ?? .empty
  }
}

extension GroupSnapshot {
  /// Newest generations first; those that cannot add to a full page are not asked, unless all is to be counted.
  func search(_ search: XapianSearch) throws(XapianError) -> XapianPage {
    var page = try hot.search(search)
    var dated: [(newest: Int64, reader: XapianReader)] = []
    for reader in older {
      if let times = try reader.state().times { dated.append((times.upperBound, reader)) }
    }
    for (newest, reader) in dated.sorted(by: { $0.newest > $1.newest }) {
      let isFull = page.hits.count == search.limit
      if isFull, page.matches >= search.countMax, page.hits.last.map({ newest < $0.createdAt }) ?? true {
        page = XapianPage(hits: page.hits, matches: page.matches, isExact: false)
        break
      }
      var rest = search
      rest.countMax = search.countMax == .max ? .max : max(0, search.countMax - page.matches)
      page = page.merged(with: try reader.search(rest), limit: search.limit)
    }
    return page
  }
}

extension IndexPage {
  fileprivate init(_ page: XapianPage, group: Int) {
    self.init(
      hits: page.hits.map { hit in
        IndexHit(
          conversation: ConversationID(rawValue: hit.conversation), sender: SubjectID(rawValue: hit.sender),
          position: MessagePosition(
            createdAt: Timestamp(microseconds: hit.createdAt), sequence: hit.sequence), group: group)
      }, matches: page.matches, exact: page.isExact)
  }
}
