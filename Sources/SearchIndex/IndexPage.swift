package import Model

package struct IndexHit: Hashable, Sendable {
  package let conversation: ConversationID
  package let sender: SubjectID
  package let position: MessagePosition
  /// The index group it was found in; goes into the next page's cursor.
  package let group: Int
}

package struct IndexPage: Sendable {
  /// Newest first by (createdAt, sequence), then by group.
  package var hits: [IndexHit]
  /// Documents inside scope and filters that match, whatever the cursor and limit.
  package var matches: Int
  /// Whether `matches` is exact; otherwise there are at least so many.
  package var exact: Bool
  /// Groups whose files are not what was written: nothing of theirs is in the page.
  package var damaged: Set<Int> = []

  package static let empty = IndexPage(hits: [], matches: 0, exact: true)

  /// Of a group that cannot answer.
  static func damaged(_ group: Int) -> IndexPage {
    IndexPage(hits: [], matches: 0, exact: false, damaged: [group])
  }

  /// The groups' pages as one.
  static func merged(_ pages: [IndexPage], limit: Int) -> IndexPage {
    guard pages.count != 1 else { return pages[0] }
    let hits = pages.flatMap(\.hits).sorted { left, right in
      left.position != right.position ? left.position > right.position : left.group > right.group
    }
    return IndexPage(
      hits: Array(hits.prefix(limit)), matches: pages.reduce(0) { $0 + $1.matches },
      exact: pages.allSatisfy(\.exact), damaged: pages.reduce(into: []) { $0.formUnion($1.damaged) })
  }
}
