import Ingestion
import Search
import SearchTokens

/// What a client holds a key of.
struct ConversationGeneration: Hashable {
  let conversation: String
  let generation: UInt32
}

/// What a member's device does for a search over blinded conversations: blind the query conversation by
/// conversation, open what comes back, and look again where tokens alone could not tell.
struct BlindedClient {
  let master: TokenMaster
  let tenant: String
  let bigrams: Bool
  let prefixes: Bool

  func search(
    _ parsed: ParsedQuery, keys: [ConversationGeneration], adjust: (inout SearchRequest) throws -> Void,
    ask: (SearchRequest) async throws -> SearchReply
  ) async throws -> SearchReply {
    var needsVerification = false
    var sets: [SearchRequest.BlindedSet] = []
    for name in keys {
      guard let text = parsed.text else { break }
      let key = master.conversationKey(
        tenant: tenant, conversation: name.conversation, generation: name.generation)
      let blinded = try text.blinded(with: key, usesBigrams: bigrams, usesPrefixes: prefixes)
      needsVerification = needsVerification || blinded.needsVerification
      sets.append(
        SearchRequest.BlindedSet(
          conversationID: name.conversation, generation: name.generation, tree: blinded.node))
    }
    // A word that is to be left out is unknown to the messages of every other generation.
    let areSeveral = Set(keys.map(\.conversation)).count < keys.count
    needsVerification = needsVerification || areSeveral && (parsed.text?.leavesOut ?? false)
    var request = try SearchRequest(parsed, blinded: parsed.text == nil ? nil : sets)
    try adjust(&request)
    let limit = request.limit
    let opener = BodyOpener(master: master, tenant: tenant)
    var reply = try await ask(request)
    reply.hits = reply.hits.map(opener.opened)
    guard needsVerification, let text = parsed.text else { return reply }
    reply.matches.lower = 0
    reply.facets?.blur()
    request.facets = []
    reply.hits = reply.hits.filter { TextMatcher.matches(text, $0.body?.plain) }
    // Pages that thinned out are filled up from the next ones.
    while reply.hits.count < limit, let next = reply.nextCursor {
      request.cursor = try Cursor(text: next)
      request.limit = limit - reply.hits.count
      let more = try await ask(request)
      reply.hits += more.hits.map(opener.opened).filter { TextMatcher.matches(text, $0.body?.plain) }
      reply.nextCursor = more.nextCursor
    }
    return reply
  }
}

extension QueryNode {
  fileprivate var leavesOut: Bool {
    switch self {
    case .not: true
    case .all(let nodes), .any(let nodes): nodes.contains(where: \.leavesOut)
    case .term, .phrase, .near, .prefix: false
    }
  }
}

/// Whether an opened text meets a query: the last word where blinded tokens found too much.
enum TextMatcher {
  static func matches(_ node: QueryNode, _ text: String?) -> Bool {
    guard let text else { return true }  // it could not be opened, so it cannot be ruled out
    let found = Tokenizer().tokens(in: text)
    return matches(node, words: found.words, set: Set(found.set))
  }

  private static func matches(_ node: QueryNode, words: [String], set: Set<String>) -> Bool {
    switch node {
    case .term(let word): set.contains(word)
    case .prefix(let start): set.contains { $0.hasPrefix(start) }
    case .phrase(let phrase):
      phrase.count <= words.count
        && (0...(words.count - phrase.count)).contains { Array(words[$0..<$0 + phrase.count]) == phrase }
    case .near(let near, let within):
      words.indices.contains { start in
        let window = words[start..<min(start + within, words.count)]
        return near.allSatisfy(window.contains)
      }
    case .all(let nodes): nodes.allSatisfy { matches($0, words: words, set: set) }
    case .any(let nodes): nodes.contains { matches($0, words: words, set: set) }
    case .not(let inner): !matches(inner, words: words, set: set)
    }
  }
}
