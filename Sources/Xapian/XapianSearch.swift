import CXapian

/// What to look for, in the shim's terms: ids and times are plain numbers, times in microseconds since 1970.
package struct XapianSearch: Sendable {
  /// Of one conversation, half open.
  package struct Window: Sendable {
    package let conversation: Int64
    package let from: Int64
    package let until: Int64

    package init(conversation: Int64, from: Int64, until: Int64) {
      self.conversation = conversation
      self.from = from
      self.until = until
    }
  }

  /// The query tree's byte form: CXapian.h has it.
  package var tree: [UInt8]
  /// `nil`: all conversations at all times. Sorted by conversation.
  package var windows: [Window]?
  /// Empty: all.
  package var senders: [Int64] = []
  package var from = Int64.min
  package var until = Int64.max
  /// Exclusive.
  package var before: (createdAt: Int64, sequence: Int64)?
  package var limit: Int
  /// How far matches are counted, if the page is full before: 0 for no further than that.
  package var countMax = Int.max
  /// On ``XapianClock``.
  package var deadline: Int64

  package init(tree: [UInt8], windows: [Window]?, limit: Int, deadline: Int64) {
    self.tree = tree
    self.windows = windows
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
  /// - Throws: `.modified` (refresh and run it again), `.tooBroad`, `.badQuery`, `.deadline`.
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
    let windows = (windows ?? []).map { window in
      cx_window(conversation: window.conversation, from: window.from, until: window.until)
    }
    return unsafe tree.withUnsafeBufferPointer { (tree: UnsafeBufferPointer<UInt8>) in
      unsafe windows.withUnsafeBufferPointer { (windows: UnsafeBufferPointer<cx_window>) in
        unsafe senders.withUnsafeBufferPointer { (senders: UnsafeBufferPointer<Int64>) in
          var asked = unsafe cx_search(
            tree: tree.baseAddress, tree_count: tree.count, scoped: self.windows != nil,
            windows: windows.baseAddress, window_count: windows.count, senders: senders.baseAddress,
            sender_count: senders.count, from: from, until: until,
            has_before: before != nil, before_time: before?.createdAt ?? 0,
            before_sequence: before?.sequence ?? 0, limit: UInt32(limit),
            count_max: UInt64(countMax), deadline: deadline)
          return unsafe body(&asked)
        }
      }
    }
  }
}

extension XapianPage {
  fileprivate init(_ page: cx_page) {
    let stored = unsafe UnsafeBufferPointer(start: page.hits, count: page.count)
    let hits = unsafe stored.map { hit in
      Hit(
        conversation: hit.conversation, sender: hit.sender, createdAt: hit.created_at, sequence: hit.sequence)
    }
    unsafe self.init(hits: hits, matches: Int(page.matches), isExact: page.exact)
  }
}
