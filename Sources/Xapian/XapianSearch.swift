import CXapian

/// What to look for, in the shim's terms: ids and times are plain numbers, times in microseconds since 1970.
package struct XapianSearch: Sendable {
  /// The query tree's byte form: CXapian.h has it.
  package var tree: [UInt8]
  package let scope: XapianScope
  package var from = Int64.min
  package var until = Int64.max
  /// Exclusive.
  package var before: (createdAt: Int64, sequence: Int64)?
  package var limit: Int
  /// How far matches are counted, if the page is full before: 0 for no further than that.
  package var countMax = Int.max
  /// On ``XapianClock``.
  package var deadline: Int64

  package init(tree: [UInt8], scope: XapianScope, limit: Int, deadline: Int64) {
    self.tree = tree
    self.scope = scope
    self.limit = limit
    self.deadline = deadline
  }
}

package struct XapianPage: Sendable {
  package struct Hit: Sendable {
    package let conversation: Int64
    package let sender: Int64
    package let createdAt: Int64
    package let sequence: Int64
  }

  /// Newest first.
  package let hits: [Hit]
  package let matches: Int
  package let isExact: Bool

  package init(hits: [Hit], matches: Int, isExact: Bool) {
    self.hits = hits
    self.matches = matches
    self.isExact = isExact
  }

  /// Of two generations' pages the newest hits of both.
  package func merged(with other: XapianPage, limit: Int) -> XapianPage {
    let both = (hits + other.hits).sorted { ($0.createdAt, $0.sequence) > ($1.createdAt, $1.sequence) }
    return XapianPage(
      hits: Array(both.prefix(limit)), matches: matches + other.matches, isExact: isExact && other.isExact)
  }
}

extension XapianReader {
  /// Runs a search against the revision the reader is on.
  ///
  /// - Throws: `.modified` (refresh and run it again), `.badQuery`, `.deadline`.
  package func search(_ search: XapianSearch) throws(XapianError) -> XapianPage {
    var page = unsafe cx_page()
    // Typed throws do not pass through the closures: the status is checked outside, in `check`.
    try unsafe XapianError.check { error in
      unsafe search.withPointer { asked in unsafe cx_reader_search(handle, asked, &page, error) }
    }
    defer { unsafe cx_page_free(&page) }
    return unsafe XapianPage(page)
  }
}

extension XapianSearch {
  /// The shim's form, for the time of one call.
  func withPointer(_ body: (UnsafePointer<cx_search>) -> Int32) -> Int32 {
    unsafe tree.withUnsafeBufferPointer { (tree: UnsafeBufferPointer<UInt8>) in
      var asked = unsafe cx_search(
        tree: tree.baseAddress, tree_count: tree.count, scope: scope.handle, from: from, until: until,
        has_before: before != nil, before_time: before?.createdAt ?? 0,
        before_sequence: before?.sequence ?? 0, limit: UInt32(limit), count_max: UInt64(countMax),
        deadline: deadline)
      return unsafe body(&asked)
    }
  }
}

extension XapianPage {
  fileprivate init(_ page: cx_page) {
    let stored = unsafe UnsafeBufferPointer(start: page.hits, count: page.count)
    unsafe self.init(
      hits: unsafe stored.map { Hit($0) }, matches: Int(page.matches), isExact: page.exact)
  }
}

extension XapianPage.Hit {
  init(_ hit: cx_hit) {
    self.init(
      conversation: hit.conversation, sender: hit.sender, createdAt: hit.created_at, sequence: hit.sequence)
  }
}
