import Foundation
import SearchTokens
import Testing

@Suite("Query language")
struct QueryTests {
  @Test(
    "a query reads to its tree",
    arguments: [
      ("hello", .term("hello")), ("Hello WORLD", .all([.term("hello"), .term("world")])),
      ("a AND b", .all([.term("a"), .term("b")])), ("\"Hello, world\"", .phrase(["hello", "world"])),
      ("“hello world”", .phrase(["hello", "world"])), ("\"hello\"", .term("hello")),
      ("a OR b", .any([.term("a"), .term("b")])), ("a or b", .all([.term("a"), .term("or"), .term("b")])),
      ("a b OR c", .any([.all([.term("a"), .term("b")]), .term("c")])),
      ("a (b OR c)", .all([.term("a"), .any([.term("b"), .term("c")])])),
      ("a (b c)", .all([.term("a"), .term("b"), .term("c")])), ("-a", .not(.term("a"))),
      ("a -b", .all([.term("a"), .not(.term("b"))])),
      ("a -\"b c\"", .all([.term("a"), .not(.phrase(["b", "c"]))])),
      ("-(a OR b)", .not(.any([.term("a"), .term("b")]))), ("--a", .term("a")),
      ("-(-a)", .not(.not(.term("a")))),
      ("hel*", .prefix("hel")), ("-Stra\u{DF}*", .not(.prefix("strass"))),
      ("well-known", .phrase(["well", "known"])), ("well-known*", .all([.term("well"), .prefix("known")])),
      ("c++ C# don\u{2019}t", .all([.term("c++"), .term("c#"), .term("don't")])),
      ("https://example.com/a", .term("example.com/a")), ("www.example.com", .term("www.example.com")),
      ("\"example.com\"", .phrase(["example", "com"])),
      ("a.b.c.d.e.f.g.h.i", .phrase(Array("abcdefghi").map(String.init))),
      ("@Ann", .term("@ann")), ("\"@ann\"", .term("ann")), ("@foo-bar", .term("@foo-bar")),
      ("#Swift", .term("#swift")),
      ("bob@example.org", .term("bob@example.org")), (":tada:", .term(":tada:")), ("1,000", .term("1000")),
      ("1.000", .any([.term("1.000"), .term("1000")])), ("3.14", .term("3.14")),
      ("2024-05", .phrase(["2024", "05"])),
      ("foo.bar()", .term("foo.bar")), ("run() fast", .all([.term("run"), .term("fast")])),
      ("git --force", .all([.term("git"), .term("force")])), ("r\u{E9}sum\u{E9}", .term("r\u{E9}sum\u{E9}")),
      ("\"r\u{E9}sum\u{E9} complet\"", .phrase(["resume", "complet"])),
      ("\u{E9}t\u{E9}*", .prefix("\u{E9}t\u{E9}")),
      ("👍🏽", .term("👍")), ("👩‍💻", .phrase(["👩", "💻"])), ("🎉*", .term("🎉")), ("🇯🇵", .term("🇯🇵")),
      ("サーバー", .phrase(["サー", "ーバ"])), ("バー", .term("バー")), ("학교", .term("학교")),
      ("한국어", .phrase(["한국", "국어"])),
      ("東", .term("東")), ("東京", .term("東京")), ("東京タワー", .phrase(["東京", "京タ", "タワ", "ワー"])),
      ("東京*", .term("東京")),
      ("3月", .all([.term("3"), .term("月")])),
      ("のtower bridge", .all([.term("の"), .term("tower"), .term("bridge")])),
      ("東京tower", .phrase(["東京", "tower"])), ("a - b !!!", .all([.term("a"), .term("b")])),
      ("foo:bar", .phrase(["foo", "bar"])), ("a\u{3000}b", .all([.term("a"), .term("b")])),
    ] as [(String, QueryNode)])
  func trees(_ query: String, _ expected: QueryNode) throws {
    let parsed = try ParsedQuery(query)
    #expect(parsed.text == expected)
    #expect(try ParsedQuery(parsed.description) == parsed)
  }

  @Test(
    "a query that cannot be read points at the place",
    arguments: [
      ("a \"b c", .openQuote, 2), ("a (b", .unbalanced, 2), ("a b)", .unbalanced, 3),
      ("a ()", .emptyGroup, 2),
      ("a (!!)", .emptyGroup, 2), ("OR a", .danglingOr, 0), ("a OR", .danglingOr, 2),
      ("a OR OR b", .danglingOr, 5),
      ("(a OR) b", .danglingOr, 3), ("!!!", .nothingToSearch, 0), ("a \"…\"", .nothingToSearch, 2),
      ("a -!!", .nothingToSearch, 2), ("a -OR b", .nothingToSearch, 2), ("- OR a", .danglingOr, 2),
      ("a -\"\"", .nothingToSearch, 3), ("from:", .missingValue, 5), ("a from: b", .missingValue, 7),
      ("has:cheese", .badValue, 4), ("is:link", .badValue, 3), ("before:soon", .badValue, 7),
      ("on:2024-13-01", .badValue, 3), ("on:2023-02-29", .badValue, 3), ("a -from:b", .misplacedFilter, 2),
      ("(from:b)", .misplacedFilter, 1), ("before:2024 before:2023", .repeatedFilter, 19),
      ("ab*", .shortPrefix, 0),
      ("x *", .nothingToSearch, 2), ("x -*", .nothingToSearch, 3), ("from:\"a", .openQuote, 5),
    ] as [(String, QueryError.Code, Int)])
  func errors(_ query: String, _ code: QueryError.Code, _ position: Int) {
    do {
      let parsed = try ParsedQuery(query)
      Issue.record("\(query) reads to \(parsed)")
    } catch {
      #expect(error.code == code && error.position == position, "\(query): \(error)")
      #expect(error.marked(in: query).hasSuffix("\n" + String(repeating: " ", count: position) + "^"))
    }
  }

  @Test(
    "a query that cannot be read says how much of it is meant",
    arguments: [
      ("a \"b c", 1), ("OR a", 2), ("a has:cheese b", 6), ("is:\"no such\"", 9), ("x (from:b)", 5),
      ("before:2024 before:2023", 4), ("a ab* c", 3), ("!!!", 3), ("a \"…\"", 3), ("a -!!", 1), ("a b)", 1),
    ])
  func lengths(_ query: String, _ length: Int) {
    #expect {
      try ParsedQuery(query)
    } throws: { error in
      (error as? QueryError)?.length == length
    }
  }

  @Test("filters hold for the whole query, wherever they stand")
  func filters() throws {
    let query = try ParsedQuery(
      "FROM:alice a in:\"my room\" OR b from:#x(y) has:LINK has:image is:edited with:bob "
        + "before:2024-05 after:2023 on:2024-02-29"
    )
    #expect(query.text == .any([.term("a"), .term("b")]))
    #expect(query.from == ["alice", "#x(y)"] && query.in == ["my room"] && query.with == ["bob"])
    #expect(query.has == [.link, .image] && query.is == [.edited])
    #expect(query.before?.from == 1_714_521_600_000_000 && query.after?.until == 1_704_067_200_000_000)
    #expect(query.on?.from == 1_709_164_800_000_000 && query.on?.until == 1_709_251_200_000_000)
    #expect(try ParsedQuery(query.description) == query)
    #expect(try ParsedQuery(" \n").isEmpty)
    #expect(try ParsedQuery("from:a").text == nil)
  }

  @Test(
    "times are read as written",
    arguments: [
      ("1970-01-01", 0), ("1969", -31_536_000_000_000), ("2000-03-01", 951_868_800_000_000),
      ("0000-01-01", -62_167_219_200_000_000), ("9999-12-31", 253_402_214_400_000_000),
      ("2024-05-31T12:00:00Z", 1_717_156_800_000_000), ("2024-05-31T12:00:00.5+09:00", 1_717_124_400_500_000),
      ("2024-05-31t12:00:00.1234567-01:30", 1_717_162_200_123_456),
    ])
  func times(_ text: String, _ microseconds: Int64) {
    #expect(QueryTime(text)?.from == microseconds)
  }

  @Test(
    "what is no time is refused",
    arguments: [
      "", "24", "2024-", "2024-5-1", "2024-00", "2024-01-32", "2024-01-01T", "2024-01-01T24:00:00Z",
      "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01Z", "２０２４",
    ])
  func badTimes(_ text: String) {
    #expect(QueryTime(text) == nil)
  }

  @Test("limits hold at the bound and one past it")
  func limits() throws {
    let words = (0..<64).map { "w\($0)" }
    #expect(try ParsedQuery(words.joined(separator: " ")).text?.termCount == 64)
    check(words.joined(separator: " ") + " more", .tooManyTerms, at: words.joined(separator: " ").count + 1)
    #expect(try ParsedQuery(negated(8)).text?.depth == 9)
    check(negated(9), .tooDeep, at: 16)
    check(String(repeating: "(", count: 4_000), .tooDeep, at: 16)
    check("q OR z " + nested(7), .tooDeep, at: 7)
    #expect(try ParsedQuery("z " + nested(7)).text?.depth == 16)
    #expect(try ParsedQuery("a" + String(repeating: " ", count: 4_095)).text == .term("a"))
    check("a" + String(repeating: " ", count: 4_096), .tooLong, at: 4_096)
  }

  /// `-(-(-a))`
  private func negated(_ times: Int) -> String {
    String(repeating: "-(", count: times - 1) + "-a" + String(repeating: ")", count: times - 1)
  }

  private func nested(_ levels: Int) -> String {
    levels == 0 ? "a" : "(a OR (b \(nested(levels - 1))))"
  }

  private func check(_ query: String, _ code: QueryError.Code, at position: Int) {
    #expect {
      try ParsedQuery(query)
    } throws: { error in
      let error = error as? QueryError
      return error?.code == code && error?.position == position
    }
  }

  @Test("what blinding refuses is pointed at in the query it was read from")
  func located() throws {
    let key = TokenMaster.random().conversationKey(tenant: "t", conversation: "c", generation: 1)
    for (query, code, position) in [
      ("from:a hello wor*", QueryError.Code.prefixNotAvailable, 13), ("in:x -\"a b\"", .needsPositiveTerm, 5),
    ] {
      let tree = try #require(try ParsedQuery(query).text)
      do throws(QueryError) {
        let made = try tree.blinded(with: key)
        Issue.record("\(made)")
      } catch {
        #expect(error.code == code && error.position == 0)
        #expect(error.located(in: query).code == code && error.located(in: query).position == position)
      }
    }
  }

  @Test("random text never traps, and what reads is read again from its own description")
  func random() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed: seed)
    let pieces = [
      "a", "hello", "東京", "(", ")", "\"", "-", " ", " OR ", " AND ", "*", "from:", "x:y", "has:link",
      "on:2024", "don't",
      "c++", "\u{301}", "”", "is:", "wor*", "が",
    ]
    for _ in 0..<3_000 {
      var query = ""
      for _ in 0..<Int.random(in: 0...14, using: &generator) {
        query += pieces.randomElement(using: &generator)!
      }
      if Int.random(in: 0..<4, using: &generator) == 0 { query += generator.text(scalarsMax: 8) }
      guard let parsed = try? ParsedQuery(query) else { continue }
      #expect((try? ParsedQuery(parsed.description)) == parsed, "seed \(seed): \(query)")
      #expect(parsed.text?.fault == nil, "seed \(seed): \(query)")
    }
  }
}
