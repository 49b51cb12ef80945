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
    let page = try await read(group) { (reader) throws(XapianError) in try reader.search(search) }
    return page.map { IndexPage($0, group: group) } ?? .empty
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
