import Model
import Xapian

/// A query made ready for Xapian: one tree that narrows as far as terms can, and what the scope decides.
struct SearchPlan: Sendable {
  private var search: XapianSearch
  private let before: MessagePosition?
  private let beforeGroup: Int?

  /// Up to here, naming conversations or senders by their terms is cheaper than looking at every match.
  private static let termsWorthwhile = 32
  private static let treeBytesMax = 4 << 20

  /// - Returns: `nil` if nothing can match, as for a reader without conversations.
  /// - Throws: `.badQuery`.
  init?(_ query: IndexQuery) throws(SearchIndexError) {
    guard (0...IndexQuery.limitMax).contains(query.limit), query.clauses.count <= IndexQuery.clausesMax,
      query.required.count <= Self.termsWorthwhile
    else { throw SearchIndexError(.badQuery) }
    if let senders = query.senders, senders.isEmpty { return nil }
    let windows = Self.windows(query)
    if let windows, windows.isEmpty { return nil }
    let milliseconds = Int64(min(max(query.deadlineMilliseconds, 0), 3_600_000))
    search = XapianSearch(
      tree: try Self.tree(query, windows), windows: windows, limit: query.limit,
      deadline: XapianClock.now + milliseconds * 1_000)
    search.senders = query.senders?.map(\.rawValue) ?? []
    search.from = query.from?.microseconds ?? .min
    search.until = query.until?.microseconds ?? .max
    search.countMax = max(0, query.countMax)
    before = query.before
    beforeGroup = query.beforeGroup
  }

  /// The search of one group. Among equal positions the higher group comes first, so a lower one still has its
  /// turn after the cursor.
  func search(group: Int) -> XapianSearch {
    guard let before else { return search }
    var search = search
    let isLeft = beforeGroup.map { group < $0 } ?? false
    search.before = (before.createdAt.microseconds, isLeft ? before.sequence + 1 : before.sequence)
    return search
  }

  /// The open windows of the conversations asked of, by conversation; `nil`: all there are.
  private static func windows(_ query: IndexQuery) -> [XapianSearch.Window]? {
    let wanted = query.conversations.map { Set($0) }
    let open: [ConversationID: [ReadWindow]]
    switch (query.scope, wanted) {
    case (.windows(let all), nil): open = all
    case (.windows(let all), let wanted?): open = all.filter { wanted.contains($0.key) }
    case (.everything, nil): return nil
    case (.everything, let wanted?):
      let always = ReadWindow(
        from: Timestamp(microseconds: .min), until: Timestamp(microseconds: .max))
      open = Dictionary(uniqueKeysWithValues: wanted.map { ($0, [always]) })
    }
    return open.sorted { $0.key < $1.key }.flatMap { conversation, windows in
      windows.lazy.filter { $0.from < $0.until }.map { window in
        XapianSearch.Window(
          conversation: conversation.rawValue, from: window.from.microseconds,
          until: window.until.microseconds)
      }
    }
  }

  private static func tree(_ query: IndexQuery, _ windows: [XapianSearch.Window]?) throws(SearchIndexError)
    -> [UInt8]
  {
    var parts: [[UInt8]] = []
    if !query.clauses.isEmpty { parts.append(try node(any: query.clauses, clause)) }
    if let windows {
      // Sorted, so the same ones stand side by side.
      var ids: [Int64] = []
      for window in windows where ids.last != window.conversation { ids.append(window.conversation) }
      if ids.count <= termsWorthwhile {
        parts.append(try node(anyTerm: ids.map { IndexTerms.conversation(ConversationID(rawValue: $0)) }))
      }
    }
    if let senders = query.senders, senders.count <= termsWorthwhile {
      parts.append(try node(anyTerm: senders.map(IndexTerms.sender)))
    }
    for term in query.required { parts.append(try leaf(term)) }
    if case .everything(let term) = query.scope { parts.append(try leaf(term)) }
    let tree = node(5, parts)
    guard tree.count <= treeBytesMax else { throw SearchIndexError(.badQuery) }
    return tree
  }

  private static func clause(_ clause: IndexClause) throws(SearchIndexError) -> [UInt8] {
    var writer = ByteWriter()
    try clause.tree.append(to: &writer)
    guard let conversation = clause.conversation else { return writer.bytes }
    return node(5, [try leaf(IndexTerms.conversation(conversation)), writer.bytes])
  }

  private static func node(anyTerm terms: [[UInt8]]) throws(SearchIndexError) -> [UInt8] {
    try node(any: terms, leaf)
  }

  private static func node<Element>(
    any elements: [Element], _ bytes: (Element) throws(SearchIndexError) -> [UInt8]
  ) throws(SearchIndexError) -> [UInt8] {
    var parts: [[UInt8]] = []
    for element in elements { parts.append(try bytes(element)) }
    return node(6, parts)
  }

  /// 5 all, 6 any.
  private static func node(_ tag: UInt8, _ parts: [[UInt8]]) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(tag)
    writer.fixed(UInt16(parts.count))
    for part in parts { writer.raw(part) }
    return writer.bytes
  }

  private static func leaf(_ term: [UInt8]) throws(SearchIndexError) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(1)
    try writer.term(term)
    return writer.bytes
  }
}
