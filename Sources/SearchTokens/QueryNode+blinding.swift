/// A query over blinded tokens.
public struct BlindedQuery: Hashable, Sendable {
  /// The tree with base64url tokens. A `term` is a token of any class, as no two classes share tokens; a
  /// `prefix` is a token of the prefix class. There are no phrases: only conditions on which tokens occur.
  public let node: QueryNode
  /// The hits may hold messages that do not match: open them and look, with ``ParsedQuery`` in hand.
  public let needsVerification: Bool
}

extension QueryNode {
  /// The query for the messages of one conversation and generation.
  ///
  /// Finds every match. Where tokens cannot tell (the order of words, mostly) it finds too much, never too
  /// little, and says so: a condition that cannot be confirmed is widened, and one under `not` is dropped.
  /// - Parameters:
  ///   - usesBigrams: the messages have tokens of ``TokenClass/bigram``, for phrases.
  ///   - usesPrefixes: the messages have tokens of ``TokenClass/prefix``.
  ///   - includesExternal: look also for the tokens of texts that no member wrote, which have words only.
  /// - Throws: ``QueryError`` for a prefix that no tokens hold, and for a query that only leaves out. Its
  ///   position is 0, as a tree has none.
  public func blinded(
    with key: ConversationKey, usesBigrams: Bool = false, usesPrefixes: Bool = false,
    includesExternal: Bool = false
  ) throws(QueryError) -> BlindedQuery {
    var blinder = QueryBlinder(
      key: key, usesBigrams: usesBigrams, usesPrefixes: usesPrefixes, includesExternal: includesExternal)
    guard let node = try blinder.widest(self) else {
      throw QueryError(
        .needsPositiveTerm, at: 0, "blinded messages need a word to look for, not only words to leave out")
    }
    return BlindedQuery(node: node, needsVerification: blinder.isInexact)
  }
}

private struct QueryBlinder {
  let key: ConversationKey
  let usesBigrams: Bool
  let usesPrefixes: Bool
  let includesExternal: Bool
  private(set) var isInexact = false

  init(key: ConversationKey, usesBigrams: Bool, usesPrefixes: Bool, includesExternal: Bool) {
    self.key = key
    self.usesBigrams = usesBigrams
    self.usesPrefixes = usesPrefixes
    self.includesExternal = includesExternal
  }

  /// A condition that every match meets; `nil` when only "everything" is one.
  mutating func widest(_ node: QueryNode) throws(QueryError) -> QueryNode? {
    switch node {
    case .term(let word): return term(word)
    case .prefix(let word): return try prefix(word)
    case .phrase(let words): return words.count == 1 ? term(words[0]) : phrase(words)
    case .near(let words, _):
      isInexact = true
      return .joined(all: words.map(term))
    case .all(let nodes):
      var parts: [QueryNode] = []
      for node in nodes { if let part = try widest(node) { parts.append(part) } }
      return parts.isEmpty ? nil : .joined(all: parts)
    case .any(let nodes):
      var parts: [QueryNode] = []
      for node in nodes {
        guard let part = try widest(node) else { return nil }
        parts.append(part)
      }
      return .joined(any: parts)
    case .not(let inner): return try narrowest(inner).map { .not($0) }
    }
  }

  /// A condition that only matches meet; `nil` when only "nothing" is one.
  private mutating func narrowest(_ node: QueryNode) throws(QueryError) -> QueryNode? {
    switch node {
    case .term(let word): return term(word)
    case .prefix(let word):
      let isExact = word.unicodeScalars.count <= TokenizedText.prefixScalars.upperBound
      let tokens = try prefix(word)
      return isExact ? tokens : nil
    case .phrase(let words) where words.count == 1: return term(words[0])
    case .phrase(let words) where words.count == 2 && usesBigrams && !includesExternal: return phrase(words)
    case .phrase, .near:
      isInexact = true
      return nil
    case .all(let nodes):
      var parts: [QueryNode] = []
      for node in nodes {
        guard let part = try narrowest(node) else { return nil }
        parts.append(part)
      }
      return .joined(all: parts)
    case .any(let nodes):
      var parts: [QueryNode] = []
      for node in nodes { if let part = try narrowest(node) { parts.append(part) } }
      return parts.isEmpty ? nil : .joined(any: parts)
    case .not(let inner): return try widest(inner).map { .not($0) }
    }
  }

  private func term(_ word: String) -> QueryNode {
    let member = QueryNode.term(key.token(word).base64URL)
    return includesExternal ? .any([member, .term(key.token(word, .external).base64URL)]) : member
  }

  /// Texts that no member wrote have no bigrams: there the words are looked for one by one.
  private mutating func phrase(_ words: [String]) -> QueryNode {
    guard usesBigrams else {
      isInexact = true
      return .joined(all: words.map(term))
    }
    if words.count > 2 || includesExternal { isInexact = true }
    let pairs = zip(words, words.dropFirst()).map { "\($0)\u{1F}\($1)" }
    let members = QueryNode.joined(all: pairs.map { .term(key.token($0, .bigram).base64URL) })
    guard includesExternal else { return members }
    return .any([members, .joined(all: words.map { .term(key.token($0, .external).base64URL) })])
  }

  /// Tokens hold beginnings of up to six scalars: of a longer one they confirm the first six.
  private mutating func prefix(_ word: String) throws(QueryError) -> QueryNode {
    let range = TokenizedText.prefixScalars
    let scalars = word.unicodeScalars
    guard usesPrefixes, scalars.count >= range.lowerBound else {
      throw QueryError(
        .prefixNotAvailable, at: 0,
        "these messages have no tokens for beginnings of words: write the whole word")
    }
    if scalars.count > range.upperBound { isInexact = true }
    return .prefix(key.token(String(scalars.prefix(range.upperBound)), .prefix).base64URL)
  }
}
