import Glibc
import Xapian

/// What a query's matches are ranked by: the words it asks for, each with the number of messages that hold it.
package struct Ranking: Sendable {
  /// Messages that are counted for a word, at most, and what is taken for the number of all messages: an index of
  /// words that somebody may read has no other total that would not tell of what they may not.
  package static let frequencyMax = 10_000
  /// Words beyond these do not count for the score.
  package static let slotsMax = 64

  /// By slot of ``slots(_:)``.
  package var frequencies: [Int]
  let slots: [XapianSlot]
  let weights: [Double]

  package init(_ clauses: [IndexClause], frequencies: [Int]) {
    self.frequencies = frequencies
    slots = Self.slots(clauses).map { slot in XapianSlot(slot) }
    weights = frequencies.map { count in
      let (all, held) = (Double(Self.frequencyMax), Double(min(count, Self.frequencyMax)))
      return log(1 + (all - held + 0.5) / (held + 0.5))
    }
  }

  /// The queries that count each word in a scope, in the order of the slots.
  package static func counting(_ query: IndexQuery) -> [IndexQuery] {
    let words = query.clauses.map { $0.tree.slots }
    return (0..<slotCount(words)).map { slot in
      var clauses: [IndexClause] = []
      for (clause, words) in zip(query.clauses, words) where slot < words.count {
        var clause = clause
        clause.tree = .any(words[slot].map(TermTree.init))
        clauses.append(clause)
      }
      var counting = IndexQuery(
        clauses: clauses, scope: query.scope, conversations: query.conversations, limit: 0)
      counting.countMax = frequencyMax
      return counting
    }
  }

  /// In ten thousandths, so that equal scores are equal wherever they are computed.
  ///
  /// - Parameter cells: how often the words of each slot are in the message. Often counts little more than once, as
  ///   messages are short.
  func score(_ cells: ArraySlice<UInt8>) -> Int64 {
    var sum = 0.0
    for (weight, cell) in zip(weights, cells) where cell > 0 {
      let count = Double(cell)
      sum += weight * 1.5 * count / (count + 0.5)
    }
    return Int64((sum * 10_000).rounded())
  }

  /// Blinded clauses are one query said with the keys of several conversations: their first words belong together.
  private static func slots(_ clauses: [IndexClause]) -> [[XapianSlot.Term]] {
    let words = clauses.map { $0.tree.slots }
    return (0..<slotCount(words)).map { slot in words.flatMap { slot < $0.count ? $0[slot] : [] } }
  }

  private static func slotCount(_ words: [[[XapianSlot.Term]]]) -> Int {
    min(words.lazy.map(\.count).max() ?? 0, slotsMax)
  }
}

extension TermTree {
  fileprivate init(_ term: XapianSlot.Term) {
    switch term {
    case .whole(let bytes): self = .term(bytes)
    case .prefix(let bytes): self = .prefix(bytes)
    }
  }

  /// The words a match may hold, in the order of the tree; not those it must not.
  fileprivate var slots: [[XapianSlot.Term]] {
    switch self {
    case .term(let term): [[.whole(term)]]
    case .phrase(let words), .near(let words, _): words.map { [.whole($0)] }
    case .prefix(let prefix): [[.prefix(prefix)]]
    // A blinded token that may be of either class is one word.
    case .any(let trees) where trees.count == 2 && Self.isOneToken(trees[0], trees[1]):
      [trees.flatMap { $0.slots.flatMap { $0 } }]
    case .all(let trees), .any(let trees): trees.flatMap(\.slots)
    case .not, .everything: []
    }
  }

  private static func isOneToken(_ left: TermTree, _ right: TermTree) -> Bool {
    guard case .term(let one) = left, case .term(let other) = right else { return false }
    return one.first != other.first && one.dropFirst() == other.dropFirst()
  }
}
