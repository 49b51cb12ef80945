/// What to look for, over whole terms (``IndexTerms`` writes them).
indirect package enum TermTree: Sendable {
  case term([UInt8])
  /// The words side by side, in this order.
  case phrase([[UInt8]])
  /// The words in any order, at most `within` words apart: for two words, 1 means neighbours.
  case near([[UInt8]], within: Int)
  /// Any term that starts so, however many there are.
  case prefix([UInt8])
  case all([TermTree])
  case any([TermTree])
  /// Everything but; alone as well as inside `all`.
  case not(TermTree)
  case everything

  /// Levels of nesting.
  package static let depthMax = 32
  /// Nodes and words of one clause's tree.
  package static let nodesMax = 1_024
  package static let nearMax = 1_000
}
