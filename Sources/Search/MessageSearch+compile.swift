import Catalog
import History
import Model
import Postgres
import SearchIndex
import SearchTokens

extension MessageSearch {
  /// The index query, or `nil` when nothing can match: no window, or conversations that are none of the reader's.
  func compile(_ request: SearchRequest, _ scope: Scope) async throws -> IndexQuery? {
    if let windows = scope.windows, windows.isEmpty { return nil }
    var senders: [SubjectID]?
    if let from = request.from {
      var known: [SubjectID] = []
      for id in from { if let subject = try await directory.subject(id) { known.append(subject) } }
      // The reply is not to tell who is unknown from who wrote nothing that the reader may see.
      senders = known.isEmpty ? [.nobody] : known
    }
    if let only = scope.only, only.isEmpty { return nil }
    let clauses = try clauses(request, scope)
    guard !clauses.isEmpty else { return nil }
    var query = IndexQuery(clauses: clauses, scope: readScope(scope))
    query.from = request.after
    query.until = request.before
    query.conversations = scope.only?.sorted()
    query.senders = senders
    query.required = Set(request.flags).sorted().map { IndexTerms.flag($0) }
    if let thread = request.threadID {
      query.required.append(IndexTerms.thread(directory.hasher.thread(thread)))
    }
    query.deadlineMilliseconds = deadlineMilliseconds
    return query
  }

  func readScope(_ scope: Scope) -> ReadScope {
    if let prepared = scope.prepared { return .windows(prepared) }
    guard let windows = scope.windows else {
      return .everything(term: IndexTerms.tenant(directory.tenant.id))
    }
    return .windows(windows.mapValues { $0.map { ReadWindow(from: $0.from, until: $0.until) } })
  }

  private func clauses(_ request: SearchRequest, _ scope: Scope) throws -> [IndexClause] {
    let tenant = directory.tenant.id
    switch request.query {
    case .everything: return [IndexClause(conversation: nil, tree: .everything)]
    case .plain(let node):
      return [IndexClause(conversation: nil, tree: try TermTree(plain: node, tenant: tenant))]
    case .blinded(let sets):
      return try sets.compactMap { set in
        guard let card = scope.named[set.conversationID], scope.reaches(card.conversation) else { return nil }
        return IndexClause(
          conversation: card.conversation, group: card.route.group(of: groups),
          tree: try TermTree(blinded: set.tree))
      }
    }
  }
}

extension TermTree {
  /// - Throws: `.badQuery` for a prefix shorter than the query language takes: trees come from clients as well.
  init(plain node: QueryNode, tenant: TenantID) throws(SearchError) {
    func word(_ text: String) -> [UInt8] { IndexTerms.word(Array(text.utf8), tenant: tenant) }
    func trees(_ nodes: [QueryNode]) throws(SearchError) -> [TermTree] {
      var trees: [TermTree] = []
      for node in nodes { trees.append(try TermTree(plain: node, tenant: tenant)) }
      return trees
    }
    switch node {
    case .term(let text): self = .term(word(text))
    case .phrase(let words): self = .phrase(words.map(word))
    case .near(let words, let within): self = .near(words.map(word), within: within)
    case .prefix(let text):
      guard text.unicodeScalars.count >= QueryNode.prefixScalarsMin else {
        throw SearchError(.badQuery, "a prefix has at least \(QueryNode.prefixScalarsMin) letters")
      }
      self = .prefix(word(text))
    case .all(let nodes): self = .all(try trees(nodes))
    case .any(let nodes): self = .any(try trees(nodes))
    case .not(let inner): self = .not(try TermTree(plain: inner, tenant: tenant))
    }
  }

  /// Over blinded tokens in base64url. A `term` may be a word's or a bigram's: no two classes share tokens.
  init(blinded node: QueryNode) throws(SearchError) {
    func bytes(_ text: String) throws(SearchError) -> [UInt8] {
      guard let token = BlindToken(base64URL: text) else {
        throw SearchError(.badQuery, "a blinded token is 8 bytes in base64url")
      }
      return token.bytes
    }
    func trees(_ nodes: [QueryNode]) throws(SearchError) -> [TermTree] {
      var trees: [TermTree] = []
      for node in nodes { trees.append(try TermTree(blinded: node)) }
      return trees
    }
    switch node {
    case .term(let text):
      let token = try bytes(text)
      self = .any([.term(IndexTerms.blinded(.word, token)), .term(IndexTerms.blinded(.bigram, token))])
    case .prefix(let text): self = .term(IndexTerms.blinded(.prefix, try bytes(text)))
    case .all(let nodes): self = .all(try trees(nodes))
    case .any(let nodes): self = .any(try trees(nodes))
    case .not(let inner): self = .not(try TermTree(blinded: inner))
    case .phrase, .near:
      throw SearchError(
        .badQuery, "blinded tokens have no order: ask for all words, or for their bigram tokens")
    }
  }
}
