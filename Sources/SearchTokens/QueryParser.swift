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
        throw QueryError(.danglingOr, at: dangling.position, "OR needs something to search for on both sides")
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
    case .word(let text): return try word(text, at: lexeme.position)
    case .phrase(let text): return try phrase(text, at: lexeme.position)
    case .open: return try group(openedAt: lexeme.position, depth: depth)
    case .minus: return try negation(at: lexeme.position, depth: depth)
    case .or, .and, .close: preconditionFailure("handled by the callers")
    }
  }

  private mutating func negation(at position: Int, depth: Int) throws(QueryError) -> QueryNode {
    guard let following = next, following.kind != .or, following.kind != .and, following.kind != .close,
      let node = try operand(depth: depth + 1)
    else { throw Self.nothing(at: position) }
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

  private static func nothing(at position: Int) -> QueryError {
    QueryError(.nothingToSearch, at: position, "there is no word here to search for")
  }

  private mutating func phrase(_ text: String, at position: Int) throws(QueryError) -> QueryNode {
    guard let node = QueryWords.node(try words(text, at: position)) else { throw Self.nothing(at: position) }
    return node
  }

  /// `nil` for punctuation that stands alone.
  private mutating func word(_ text: String, at position: Int) throws(QueryError) -> QueryNode? {
    let isPrefix = text.unicodeScalars.last == "*"
    let words = try words(text, at: position)
    guard isPrefix else { return QueryWords.node(words) }
    guard let last = words.last else { throw Self.nothing(at: position) }
    // A run of letters without spaces is found inside longer ones anyway.
    if QueryWords.isUnspaced(last) { return QueryWords.node(words) }
    guard last.unicodeScalars.count >= QueryNode.prefixScalarsMin else {
      throw QueryError(
        .shortPrefix, at: position, "at least \(QueryNode.prefixScalarsMin) letters must stand before *")
    }
    return .joined(all: [QueryWords.node(words.dropLast()), .prefix(last)].compactMap { $0 })
  }

  private mutating func words(_ text: String, at position: Int) throws(QueryError) -> [String] {
    let tokens = tokenizer.tokens(in: text)
    let words = tokens.words
    terms += words.count
    guard terms <= QueryNode.termsMax, !tokens.isTruncated else {
      throw QueryError(.tooManyTerms, at: position, "a query has at most \(QueryNode.termsMax) terms")
    }
    return words
  }
}

/// Words of a query to a node.
enum QueryWords {
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
    let nodes = groups.filter { !$0.isEmpty }.map { $0.count == 1 ? QueryNode.term($0[0]) : .phrase($0) }
    return nodes.isEmpty ? nil : .joined(all: nodes)
  }

  static func isUnspaced(_ word: String) -> Bool {
    word.unicodeScalars.first.map { ScalarClass($0.value) == .unspaced } ?? false
  }

  private static func isLoneLetter(_ word: String) -> Bool {
    isUnspaced(word) && word.unicodeScalars.count { ScalarClass($0.value) == .unspaced } == 1
  }
}
