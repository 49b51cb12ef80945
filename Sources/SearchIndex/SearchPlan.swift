import Model
import Xapian

/// A query made ready for Xapian: one tree that narrows as far as terms can, and the scope, made once for all
/// generations of all groups.
struct SearchPlan: Sendable {
  private var search: XapianSearch
  /// Of groups that have clauses of their own, and of all others; `nil`: nothing can match there.
  private var trees: [Int: [UInt8]] = [:]
  private var tree: [UInt8]?
  private let before: MessagePosition?
  private let beforeGroup: Int?

  /// Up to here, naming conversations or senders by their terms is cheaper than looking at every match.
  private static let termsWorthwhile = 32
  private static let treeBytesMax = 4 << 20

  var limit: Int { search.limit }

  /// - Returns: `nil` if nothing can match, as for a reader without conversations.
  /// - Throws: `.badQuery`.
  init?(_ query: IndexQuery) throws {
    guard (0...IndexQuery.limitMax).contains(query.limit), query.clauses.count <= IndexQuery.clausesMax,
      query.required.count <= Self.termsWorthwhile
    else { throw SearchIndexError(.badQuery) }
    if let senders = query.senders, senders.isEmpty { return nil }
    guard let (scope, narrowing) = try Self.scope(query) else { return nil }
    let milliseconds = Int64(min(max(query.deadlineMilliseconds, 0), 3_600_000))
    search = XapianSearch(
      tree: [], scope: scope, limit: query.limit, deadline: XapianClock.now + milliseconds * 1_000)
    search.from = query.from?.microseconds ?? .min
    search.until = query.until?.microseconds ?? .max
    search.countMax = max(0, query.countMax)
    before = query.before
    beforeGroup = query.beforeGroup
    var clauses = Dictionary(grouping: query.clauses, by: \.group)
    let common = clauses.removeValue(forKey: nil) ?? []
    if clauses.isEmpty || !common.isEmpty { tree = try Self.tree(common, narrowing) }
    for case (let group?, let own) in clauses { trees[group] = try Self.tree(common + own, narrowing) }
  }

  /// The search of one group. Among equal positions the higher group comes first, so a lower one still has its
  /// turn after the cursor.
  ///
  /// - Returns: `nil` if nothing in it can match.
  func search(group: Int) -> XapianSearch? {
    guard let tree = trees[group] ?? tree else { return nil }
    var search = search
    search.tree = tree
    guard let before else { return search }
    let isLeft = beforeGroup.map { group < $0 } ?? false
    search.before = (before.createdAt.microseconds, isLeft ? before.sequence &+ 1 : before.sequence)
    return search
  }

  /// Who may see what, and what every match must be of besides; `nil`: there is nothing to see.
  private static func scope(_ query: IndexQuery) throws -> (XapianScope, [[UInt8]])? {
    // Too many to name: as they were made for the last search.
    if case .windows(let all) = query.scope, query.conversations == nil, query.senders == nil,
      all.byConversation.count > termsWorthwhile
    {
      return (try all.scope(), try narrowing(query, nil))
    }
    let windows = windows(query)
    if let windows, windows.isEmpty { return nil }
    return (
      try XapianScope(windows: windows, senders: query.senders?.map(\.rawValue) ?? []),
      try narrowing(query, windows)
    )
  }

  /// The open windows of the conversations asked of, those of each side by side; `nil`: all there are.
  private static func windows(_ query: IndexQuery) -> [XapianScope.Window]? {
    let wanted = query.conversations.map { Set($0) }
    return switch query.scope {
    case .windows(let all): all.open(within: wanted)
    case .everything:
      wanted?.map { XapianScope.Window(conversation: $0.rawValue, from: .min, until: .max) }
    }
  }

  private static func tree(_ clauses: [IndexClause], _ narrowing: [[UInt8]]) throws(SearchIndexError)
    -> [UInt8]
  {
    let tree = node(5, (clauses.isEmpty ? [] : [try any(clauses)]) + narrowing)
    guard tree.count <= treeBytesMax else { throw SearchIndexError(.badQuery) }
    return tree
  }

  /// What every match must be of, besides the clauses.
  private static func narrowing(_ query: IndexQuery, _ windows: [XapianScope.Window]?)
    throws(SearchIndexError)
    -> [[UInt8]]
  {
    var parts = try query.required.map(leaf)
    if case .everything(let term) = query.scope { parts.append(try leaf(term)) }
    // Hints last: by then it is known how few documents are left without them.
    if let windows {
      // Side by side are those of one conversation.
      var ids: [Int64] = []
      for window in windows where ids.last != window.conversation && ids.count <= termsWorthwhile {
        ids.append(window.conversation)
      }
      if ids.count <= termsWorthwhile {
        parts.append(try hint(ids.map { IndexTerms.conversation(ConversationID(rawValue: $0)) }))
      }
    }
    if let senders = query.senders, senders.count <= termsWorthwhile {
      parts.append(try hint(senders.map(IndexTerms.sender)))
    }
    return parts
  }

  /// Clauses of single words by conversation are merged by the shim; Xapian sees to the others.
  private static func any(_ clauses: [IndexClause]) throws(SearchIndexError) -> [UInt8] {
    var simple: [(conversation: ConversationID, sets: [[[UInt8]]])] = []
    var parts: [[UInt8]] = []
    for clause in clauses {
      if let conversation = clause.conversation, let sets = clause.tree.wordSets {
        simple.append((conversation, sets))
      } else {
        parts.append(try self.clause(clause))
      }
    }
    if !simple.isEmpty { parts.append(try merged(simple)) }
    return parts.count == 1 ? parts[0] : node(6, parts)
  }

  /// Tag 9 of the shim's table.
  private static func merged(_ clauses: [(conversation: ConversationID, sets: [[[UInt8]]])])
    throws(SearchIndexError) -> [UInt8]
  {
    var writer = ByteWriter()
    writer.byte(9)
    writer.fixed(UInt16(clauses.count))
    for (conversation, sets) in clauses {
      writer.fixed(conversation.rawValue)
      writer.byte(UInt8(sets.count))
      for terms in sets {
        writer.byte(UInt8(terms.count))
        for term in terms { try writer.term(term) }
      }
    }
    return writer.bytes
  }

  private static func clause(_ clause: IndexClause) throws(SearchIndexError) -> [UInt8] {
    var writer = ByteWriter()
    try clause.tree.append(to: &writer)
    guard let conversation = clause.conversation else { return writer.bytes }
    return node(5, [try leaf(IndexTerms.conversation(conversation)), writer.bytes])
  }

  /// Tag 10: of terms one of which every document in scope holds, to be used where that is quicker.
  private static func hint(_ terms: [[UInt8]]) throws(SearchIndexError) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(10)
    writer.fixed(UInt16(terms.count))
    for term in terms { try writer.term(term) }
    return writer.bytes
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
