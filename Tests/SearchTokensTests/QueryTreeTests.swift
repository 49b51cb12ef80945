import Foundation
import SearchTokens
import Testing

@Suite("Query tree")
struct QueryTreeTests {
  @Test(
    "a tree is the JSON of the contract",
    arguments: [
      (#"{"term":"a"}"#, .term("a")), (#"{"phrase":["a","b"]}"#, .phrase(["a", "b"])),
      (#"{"near":["a","b"],"within":5}"#, .near(["a", "b"], within: 5)),
      (#"{"prefix":"hel"}"#, .prefix("hel")),
      (#"{"all":[{"term":"a"},{"not":{"term":"b"}}]}"#, .all([.term("a"), .not(.term("b"))])),
      (#"{"any":[{"term":"a"},{"prefix":"b"}]}"#, .any([.term("a"), .prefix("b")])),
    ] as [(String, QueryNode)])
  func json(_ text: String, _ expected: QueryNode) throws {
    let decoded = try JSONDecoder().decode(QueryNode.self, from: Data(text.utf8))
    #expect(decoded == expected)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    #expect(String(decoding: try encoder.encode(decoded), as: UTF8.self) == text)
  }

  @Test(
    "a tree that is none of the contract's is refused",
    arguments: [
      "{}", #"{"term":1}"#, #"{"term":""}"#, #"{"term":"a","prefix":"b"}"#, #"{"phrase":[]}"#, #"{"all":[]}"#,
      #"{"near":["a"],"within":2}"#, #"{"near":["a","b"]}"#, #"{"near":["a","b"],"within":0}"#,
      #"{"near":["a","b"],"within":101}"#, #"{"within":3}"#, #"{"term":"a\u0007b"}"#, "[]", #"{"not":[]}"#,
    ])
  func badJSON(_ text: String) {
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(QueryNode.self, from: Data(text.utf8)) }
  }

  @Test(
    "an unreadable tree is pointed at, without a word of it",
    arguments: [
      (
        #"{"all":[{"term":"a"},{"any":[{"term":"secret\u0007"}]}]}"#,
        "/all/1/any/0: a term has no control characters"
      ),
      (#"{"not":{"near":["secret","b"]}}"#, "/not: within is missing"),
      (#"{"all":[{"term":1}]}"#, "/all/0/term: not the kind of value that belongs here"),
      (#"{"secret":1}"#, "a condition has exactly one of term, phrase, near, prefix, all, any, not"),
      (#"{"term":"secret"#, "the query cannot be read"),
    ])
  func explanations(_ text: String, _ expected: String) {
    do {
      _ = try JSONDecoder().decode(QueryNode.self, from: Data(text.utf8))
      Issue.record("\(text) was read")
    } catch let error as DecodingError {
      #expect(QueryNode.explanation(of: error) == expected)
    } catch { Issue.record("\(error)") }
  }

  @Test("trees from JSON keep the limits of terms, levels and bytes")
  func limits() {
    func reads(_ text: String) -> Bool {
      (try? JSONDecoder().decode(QueryNode.self, from: Data(text.utf8))) != nil
    }
    func terms(_ count: Int) -> String {
      #"{"phrase":[\#((0..<count).map { "\"w\($0)\"" }.joined(separator: ","))]}"#
    }
    func levels(_ count: Int) -> String {
      String(repeating: #"{"not":"#, count: count - 1) + #"{"term":"a"}"#
        + String(repeating: "}", count: count - 1)
    }
    #expect(reads(terms(64)) && !reads(terms(65)))
    #expect(reads(levels(16)) && !reads(levels(17)) && !reads(levels(400)))
    #expect(reads(#"{"term":"\#(String(repeating: "x", count: 64))"}"#))
    #expect(!reads(#"{"term":"\#(String(repeating: "x", count: 65))"}"#))
  }

  private let key = TokenMaster.random().conversationKey(tenant: "t", conversation: "c", generation: 1)

  private func token(_ text: String, _ kind: TokenClass = .word) -> QueryNode {
    .term(key.token(text, kind).base64URL)
  }

  @Test("a word becomes its token, and nothing needs to be looked at again")
  func words() throws {
    let made = try QueryNode.all([.term("a"), .not(.term("b"))]).blinded(with: key)
    #expect(made.node == .all([token("a"), .not(token("b"))]) && !made.needsVerification)
  }

  @Test("a phrase becomes its pairs where there are any, and its words elsewhere")
  func phrases() throws {
    let phrase = QueryNode.phrase(["a", "b", "c"])
    let withPairs = try phrase.blinded(with: key, usesBigrams: true)
    #expect(withPairs.node == .all([token("a\u{1F}b", .bigram), token("b\u{1F}c", .bigram)]))
    #expect(withPairs.needsVerification)
    let two = try QueryNode.phrase(["a", "b"]).blinded(with: key, usesBigrams: true)
    #expect(two.node == token("a\u{1F}b", .bigram) && !two.needsVerification)
    let withWords = try phrase.blinded(with: key)
    #expect(withWords.node == .all([token("a"), token("b"), token("c")]) && withWords.needsVerification)
  }

  @Test("what cannot be confirmed is dropped under a negation, so that no match is lost")
  func negations() throws {
    let tree = QueryNode.all([.term("x"), .not(.phrase(["a", "b"]))])
    let made = try tree.blinded(with: key)
    #expect(made.node == token("x") && made.needsVerification)
    let exact = try tree.blinded(with: key, usesBigrams: true)
    #expect(exact.node == .all([token("x"), .not(token("a\u{1F}b", .bigram))]) && !exact.needsVerification)
    #expect(throws: QueryError.self) { try QueryNode.not(.phrase(["a", "b"])).blinded(with: key) }
    #expect(throws: QueryError.self) {
      try QueryNode.any([.term("x"), .not(.near(["a", "b"], within: 3))]).blinded(with: key)
    }
    let twice = try QueryNode.not(.not(.phrase(["a", "b"]))).blinded(with: key)
    #expect(twice.node == .not(.not(.all([token("a"), token("b")]))) && twice.needsVerification)
  }

  @Test("a prefix needs tokens of its class, and a long one is confirmed up to its sixth letter")
  func prefixes() throws {
    #expect(throws: QueryError.self) { try QueryNode.prefix("hel").blinded(with: key) }
    let short = try QueryNode.prefix("hel").blinded(with: key, usesPrefixes: true)
    #expect(short.node == .prefix(key.token("hel", .prefix).base64URL) && !short.needsVerification)
    let long = try QueryNode.prefix("internat").blinded(with: key, usesPrefixes: true)
    #expect(long.node == .prefix(key.token("intern", .prefix).base64URL) && long.needsVerification)
    #expect(throws: QueryError.self) { try QueryNode.prefix("he").blinded(with: key, usesPrefixes: true) }
  }

  @Test("texts that no member wrote are looked for under their own class")
  func external() throws {
    let made = try QueryNode.term("a").blinded(with: key, includesExternal: true)
    #expect(made.node == .any([token("a"), token("a", .external)]))
  }

  @Test("the tokens of a query are among the tokens of the message it finds")
  func agreement() throws {
    let text = "Straße 東京タワーへ行く don’t use C++ well-known"
    let tokens = key.blind(Tokenizer().tokens(in: text), bigrams: true, prefixes: true)
    let held = Set(tokens.set + tokens.bigrams + tokens.prefixes)
    for query in [
      "STRASSE", "東京タワー", "タワ", "京", "don't", "\"use c++\"", "c", "well-known", "stra*", "-absent strasse",
    ] {
      let node = try #require(try ParsedQuery(query).text)
      let blinded = try node.blinded(with: key, usesBigrams: true, usesPrefixes: true)
      #expect(Self.holds(blinded.node, held), "\(query)")
    }
  }

  private static func holds(_ node: QueryNode, _ tokens: Set<String>) -> Bool {
    switch node {
    case .term(let token), .prefix(let token): tokens.contains(token)
    case .all(let nodes): nodes.allSatisfy { holds($0, tokens) }
    case .any(let nodes): nodes.contains { holds($0, tokens) }
    case .not(let inner): !holds(inner, tokens)
    case .phrase, .near: false
    }
  }
}
