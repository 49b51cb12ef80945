/// Lexemes to a tree, by recursive descent:
///
/// ```
/// either = both { "OR" both }
/// both   = operand { ["AND"] operand }
/// operand = "-" operand | word | phrase | "(" either ")"
/// ```
struct QueryParser {
  private let lexemes: [QueryLexeme]
  private let tokenizer: Tokenizer
  private var index = 0
  private var terms = 0

  init(_ lexemes: [QueryLexeme], _ tokenizer: Tokenizer) {
    self.lexemes = lexemes
    self.tokenizer = tokenizer
  }

  /// `nil` when the lexemes hold nothing to search for.
  mutating func run() throws(QueryError) -> QueryNode? {
    let node = try either(depth: 1)
    if index < lexemes.count {
      throw QueryError(.unbalanced, at: lexemes[index].position, "this parenthesis was not opened")
    }
    // Groups add a level for AND and one for OR, so the tree can be deeper than the parentheses.
    if let node, node.depth > QueryNode.depthMax {
      let place = lexemes.first { $0.kind == .open || $0.kind == .minus }?.position ?? 0
      throw Self.tooDeep(at: place)
    }
    return node
  }

  private static func tooDeep(at position: Int) -> QueryError {
    QueryError(.tooDeep, at: position, "a query is at most \(QueryNode.depthMax) levels deep")
  }

  private var next: QueryLexeme? { index < lexemes.count ? lexemes[index] : nil }

  private mutating func either(depth: Int) throws(QueryError) -> QueryNode? {
    var or: QueryLexeme?
    var branches: [QueryNode] = []
    while true {
      let branch = try both(depth: depth)
      let following = next.flatMap { $0.kind == .or ? $0 : nil }
      if let branch {
        branches.append(branch)
      } else if let dangling = following ?? or {
        throw QueryError(
          .danglingOr, at: dangling.position, length: dangling.length,
          "OR needs something to search for on both sides")
      }
      guard let following else { return branches.isEmpty ? nil : .joined(any: branches) }
      or = following
      index += 1
    }
  }

  private mutating func both(depth: Int) throws(QueryError) -> QueryNode? {
    var nodes: [QueryNode] = []
    while let lexeme = next, lexeme.kind != .or, lexeme.kind != .close {
      if lexeme.kind == .and {
        index += 1
      } else if let node = try operand(depth: depth) {
        nodes.append(node)
      }
    }
    return nodes.isEmpty ? nil : .joined(all: nodes)
  }

  private mutating func operand(depth: Int) throws(QueryError) -> QueryNode? {
    let lexeme = lexemes[index]
    guard depth <= QueryNode.depthMax else { throw Self.tooDeep(at: lexeme.position) }
    index += 1
    switch lexeme.kind {
    case .word(let text): return try word(text, at: lexeme)
    case .phrase(let text): return try phrase(text, at: lexeme)
    case .open: return try group(openedAt: lexeme.position, depth: depth)
    case .minus: return try negation(at: lexeme, depth: depth)
    case .or, .and, .close: preconditionFailure("handled by the callers")
    }
  }

  private mutating func negation(at lexeme: QueryLexeme, depth: Int) throws(QueryError) -> QueryNode {
    guard let following = next, following.kind != .or, following.kind != .and, following.kind != .close,
      let node = try operand(depth: depth + 1)
    else { throw Self.nothing(at: lexeme) }
    return .not(node)
  }

  private mutating func group(openedAt position: Int, depth: Int) throws(QueryError) -> QueryNode {
    let node = try either(depth: depth + 1)
    guard next?.kind == .close else {
      throw QueryError(.unbalanced, at: position, "this parenthesis is not closed")
    }
    index += 1
    guard let node else {
      throw QueryError(.emptyGroup, at: position, "there is nothing to search for between the parentheses")
    }
    return node
  }

  private static func nothing(at place: QueryLexeme) -> QueryError {
    QueryError(
      .nothingToSearch, at: place.position, length: place.length, "there is no word here to search for")
  }

  private mutating func phrase(_ text: String, at place: QueryLexeme) throws(QueryError) -> QueryNode {
    guard let node = QueryWords.node(try tokens(text, at: place)) else { throw Self.nothing(at: place) }
    return node
  }

  /// `nil` for punctuation that stands alone.
  private mutating func word(_ text: String, at place: QueryLexeme) throws(QueryError) -> QueryNode? {
    let isPrefix = text.unicodeScalars.last == "*"
    let tokens = try tokens(text, at: place)
    guard isPrefix else {
      return tokens.wholes.isEmpty ? QueryWords.node(tokens) : .joined(any: tokens.wholes.map { .term($0) })
    }
    guard let last = tokens.exact.last else { throw Self.nothing(at: place) }
    // A run of letters without spaces is found inside longer ones anyway.
    if QueryWords.isWithoutSpaces(last) { return QueryWords.node(tokens) }
    guard last.unicodeScalars.count >= QueryNode.prefixScalarsMin else {
      throw QueryError(
        .shortPrefix, at: place.position, length: place.length,
        "at least \(QueryNode.prefixScalarsMin) letters must stand before *")
    }
    return .joined(all: [QueryWords.node(tokens.words.dropLast()), .prefix(last)].compactMap { $0 })
  }

  private mutating func tokens(_ text: String, at place: QueryLexeme) throws(QueryError) -> QueryTokens {
    let tokens = tokenizer.queryTokens(in: text)
    terms += max(tokens.words.count, tokens.wholes.count)
    guard terms <= QueryNode.termsMax, !tokens.isTruncated else {
      throw QueryError(
        .tooManyTerms, at: place.position, length: place.length,
        "a query has at most \(QueryNode.termsMax) terms")
    }
    return tokens
  }
}

/// Words of a query to a node.
enum QueryWords {
  /// A single word as it was written, several as a phrase, in which accents do not count.
  static func node(_ tokens: QueryTokens) -> QueryNode? {
    tokens.exact.count == 1 ? .term(tokens.exact[0]) : node(tokens.words)
  }

  /// A term or a phrase; `nil` for no words.
  ///
  /// A lone letter of a script without spaces is a term beside the phrase, not in it: in a message it may be
  /// the end of a longer run, where the order of words has the pair and not the letter.
  static func node(_ words: some Collection<String>) -> QueryNode? {
    var groups: [[String]] = [[]]
    for word in words {
      if isLoneLetter(word) {
        groups += [[word], []]
      } else {
        groups[groups.count - 1].append(word)
      }
    }
    let nodes = groups.filter { !$0.isEmpty }.map { phrase($0) }
    return nodes.isEmpty ? nil : .joined(all: nodes)
  }

  /// A long vowel at the end of four katakana or more is left away by as many as write it: サーバ, サーバー.
  private static func phrase(_ words: [String]) -> QueryNode {
    var words = words[...]
    while words.count >= 3, words.suffix(3).allSatisfy(isKatakana),
      words[words.endIndex - 1].hasSuffix("\u{30FC}")
    {
      words.removeLast()
    }
    return words.count == 1 ? .term(words[0]) : .phrase(Array(words))
  }

  private static func isKatakana(_ word: String) -> Bool {
    word.unicodeScalars.allSatisfy { (0x30A1...0x30FF).contains($0.value) }
  }

  /// Found inside longer texts without a `*`.
  static func isWithoutSpaces(_ word: String) -> Bool {
    guard let first = word.unicodeScalars.first else { return false }
    switch ScalarClass(first.value) {
    case .unspaced, .emoji, .regional: return true
    default: return false
    }
  }

  private static func isLoneLetter(_ word: String) -> Bool {
    word.unicodeScalars.first.map { ScalarClass($0.value) == .unspaced } ?? false
      && word.unicodeScalars.count { ScalarClass($0.value) == .unspaced } == 1
  }
}
