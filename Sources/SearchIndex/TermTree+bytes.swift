import Model
import Xapian

extension TermTree {
  /// Appends the tree in the binding's form (pre-order; CXapian.h has the table).
  ///
  /// - Throws: `.badQuery` past a limit, for a phrase without words, or a term the index cannot hold.
  func append(to writer: inout ByteWriter) throws(SearchIndexError) {
    var nodes = 0
    try append(to: &writer, depth: 1, nodes: &nodes)
  }

  fileprivate func append(to writer: inout ByteWriter, depth: Int, nodes: inout Int) throws(SearchIndexError)
  {
    nodes += 1
    guard depth <= Self.depthMax, nodes <= Self.nodesMax else { throw SearchIndexError(.badQuery) }
    switch self {
    case .term(let term):
      writer.byte(1)
      try writer.term(term)
    case .phrase(let words):
      writer.byte(2)
      try writer.words(words, nodes: &nodes)
    case .near(let words, let within):
      guard (1...Self.nearMax).contains(within) else { throw SearchIndexError(.badQuery) }
      writer.byte(3)
      // Xapian's window is the length of the stretch of text all the words lie in.
      writer.fixed(UInt32(within + max(words.count, 1) - 1))
      try writer.words(words, nodes: &nodes)
    case .prefix(let prefix):
      writer.byte(4)
      try writer.term(prefix)
    case .all(let trees):
      writer.byte(5)
      try writer.trees(trees, depth: depth, nodes: &nodes)
    case .any(let trees):
      writer.byte(6)
      try writer.trees(trees, depth: depth, nodes: &nodes)
    case .not(let tree):
      writer.byte(7)
      try tree.append(to: &writer, depth: depth + 1, nodes: &nodes)
    case .everything:
      writer.byte(8)
    }
  }
}

extension TermTree {
  private static let setsMax = 255

  /// Where the tree asks for one term of each of some sets, these; `nil` for any other.
  var wordSets: [[[UInt8]]]? {
    switch self {
    case .term(let term): return [[term]]
    case .any(let trees):
      var terms: [[UInt8]] = []
      for tree in trees {
        guard case .term(let term) = tree else { return nil }
        terms.append(term)
      }
      return (1...Self.setsMax).contains(terms.count) ? [terms] : nil
    case .all(let trees):
      var sets: [[[UInt8]]] = []
      for tree in trees {
        guard let more = tree.wordSets else { return nil }
        sets += more
      }
      return (1...Self.setsMax).contains(sets.count) ? sets : nil
    default: return nil
    }
  }
}

extension ByteWriter {
  mutating func term(_ term: [UInt8]) throws(SearchIndexError) {
    guard XapianLimits.isStorable(term) else { throw SearchIndexError(.badQuery) }
    byte(UInt8(term.count))
    raw(term)
  }

  fileprivate mutating func words(_ words: [[UInt8]], nodes: inout Int) throws(SearchIndexError) {
    nodes += words.count
    guard !words.isEmpty, nodes <= TermTree.nodesMax else { throw SearchIndexError(.badQuery) }
    fixed(UInt16(words.count))
    for word in words { try term(word) }
  }

  fileprivate mutating func trees(_ trees: [TermTree], depth: Int, nodes: inout Int) throws(SearchIndexError)
  {
    guard trees.count <= TermTree.nodesMax else { throw SearchIndexError(.badQuery) }
    fixed(UInt16(trees.count))
    for tree in trees { try tree.append(to: &self, depth: depth + 1, nodes: &nodes) }
  }
}
