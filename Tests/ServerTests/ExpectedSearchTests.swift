import Catalog
import Foundation
import History
import Ingestion
import Model
import Runtime
import Search
import SearchTokens
import Testing

/// Real messages in Japanese, Russian and Arabic, and a few of pictographs, taken in, indexed and searched: what a
/// person who types a word expects. The expected ones were found by other means: by looking for the words' letters,
/// without regard to case and width, and for the spellings that Arabic and Russian writers use for one another.
@Suite("What members expect of a search of real messages")
struct ExpectedSearchTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let query: String
    /// The first eight digits of the messages' ids.
    let expected: Set<String>
    var testDescription: String { "\(query): \(expected.count)" }

    init(_ query: String, _ expected: String) {
      self.query = query
      self.expected = Set(expected.split(separator: " ").map(String.init))
    }
  }

  @Test("Russian", arguments: russianCases)
  func russian(_ each: Case) async throws { try await check(each) }

  @Test("Arabic", arguments: arabicCases)
  func arabic(_ each: Case) async throws { try await check(each) }

  @Test("Japanese", arguments: japaneseCases)
  func japanese(_ each: Case) async throws { try await check(each) }

  @Test("Pictographs and shortcodes", arguments: emojiCases)
  func emoji(_ each: Case) async throws { try await check(each) }

  private static let allCases = russianCases + arabicCases + japaneseCases + emojiCases

  private func check(_ each: Case) async throws {
    let parsed = try ParsedQuery(each.query)
    let (plain, blinded) = (try await Chats.plain.value, try await Chats.blinded.value)
    let clear = try await plain.hits(SearchRequest(parsed))
    #expect(clear == each.expected, "plain: \(clear.symmetricDifference(each.expected))")
    let (request, needsLook) = try blinded.blinded(parsed)
    let found = try await blinded.hits(request)
    // Where tokens alone cannot tell, the client looks into the hits, which must have all.
    #expect(
      needsLook ? found.isSuperset(of: each.expected) : found == each.expected,
      "blinded: \(found.symmetricDifference(each.expected))")
  }

  /// A home with the messages.
  private struct Chats {
    let house: IndexHouse
    let conversations: Set<String>
    static let master = TokenMaster.random()

    static let plain = Task { try await Chats(.plain) { _ in true } }
    /// One message of eight, and all that are expected: blinding takes its time in a debug build.
    static let blinded = Task {
      let wanted = ExpectedSearchTests.allCases.reduce(into: Set<String>()) { $0.formUnion($1.expected) }
      return try await Chats(.blinded(master, bigrams: true, prefixes: true)) { id in
        wanted.contains(String(id.prefix(8))) || id.utf8.last.map { $0 == 0x30 || $0 == 0x61 } ?? false
      }
    }

    init(_ tokens: CorpusClient.Tokens, _ isWanted: (String) -> Bool) async throws {
      house = try await IndexHouse()
      let decoder = BatchDecoder(
        format: .corpus, client: CorpusClient(tokens: tokens, tenant: house.directory.tenant.name),
        tenant: .init(name: house.directory.tenant.name, revealsOrder: false))
      var batch = LineBatch(source: "expected")
      for line in try Self.lines() where isWanted(line.id) {
        batch.append(Int64(batch.lines.count + 1), line.bytes)
      }
      let decoded = await decoder.decode(batch)
      try #require(decoded.rejected.isEmpty)
      conversations = Set(decoded.items.compactMap(\.event.conversationName))
      let result = try await house.application.ingestor(house.directory).store(decoded)
      try #require(result.accepted == batch.lines.count)
      _ = try await house.application.followFeedPatiently()
    }

    private static func lines() throws -> [(id: String, bytes: [UInt8])] {
      let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/corpora")
      var lines: [[UInt8]] = []
      for name in ["gitter_freecodecamp", "slack_haskelljp_ja"] {
        var reader = try SourceReader(corpora.appendingPathComponent("\(name).ndjson.zst").path)
        while let line = try reader.next() { if let bytes = line.bytes { lines.append(bytes) } }
      }
      for (place, text) in pictographs.enumerated() {
        lines.append(
          Array(
            (#"{"message_id":"e\#(place + 1)000000","conversation_id":"emoji","conversation_name":"Emoji","#
              + #""sender_id":"kim","sender_name":"Kim","created_at":"2024-03-02T10:00:00Z","reply_to":null,"#
              + #""content_type":"text/plain","source":"test:test","content":"\#(text)"}"#).utf8))
      }
      return try lines.map { bytes in
        let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        return (try #require(object?["message_id"] as? String), bytes)
      }
    }

    private static let pictographs = [
      "Wooo! 🎉🎉 done 👍🏽", "👩‍💻 at work today", "❤️ from 🇯🇵🇩🇪", "great :tada: news", "so sad 😂😂 lunch is over",
      "👍 from me as well",
    ]

    func hits(_ asked: SearchRequest) async throws -> Set<String> {
      var request = asked
      request.limit = SearchRequest.limitMax
      request.includeBodies = false
      let search = house.application.search(house.directory)
      let reply = try await search.search(request, reader: .compliance)
      return Set(reply.hits.map { String($0.messageID.prefix(8)) })
    }

    func blinded(_ parsed: ParsedQuery) throws -> (request: SearchRequest, needsLook: Bool) {
      let text = try #require(parsed.text)
      var needsLook = false
      let sets = try conversations.map { name in
        let key = Self.master.conversationKey(
          tenant: house.directory.tenant.name, conversation: name, generation: CorpusClient.generation)
        let query = try text.blinded(with: key, usesBigrams: true, usesPrefixes: true)
        needsLook = needsLook || query.needsVerification
        return SearchRequest.BlindedSet(
          conversationID: name, generation: CorpusClient.generation, tree: query.node)
      }
      return (try SearchRequest(parsed, blinded: sets), needsLook)
    }
  }

  private static let russianCases: [Case] = [
    Case("спасибо", "86aebdad 8ca7fffe abadefd7 b36aca26 dd73f20c"),
    Case("СПАСИБО", "86aebdad 8ca7fffe abadefd7 b36aca26 dd73f20c"),
    Case("ещё", "6a39131d 76714ce5 96e38146 9d548446 af1f83ff e872774c"),
    Case("еще", "6a39131d 76714ce5 96e38146 9d548446 af1f83ff e872774c"),
    Case("геолокац*", "1c388463 1d642a18 46624515 629ebcfa 8ca7fffe b36aca26 d19cf226"),
    Case("геолокация", "1d642a18 46624515 629ebcfa 8ca7fffe b36aca26"),
    Case(
      "\"всем привет\"",
      "258555f1 2f34d785 60db2de9 81fb346a 84e1f464 8ca7fffe a963e43e b0280177 "
        + "bbe761d6 dc54522e dd73f20c e92aeff8 eebbdea4 f87bd97f"),
    Case("погод*", "17923afa 19447ef5 485aa2a2 7c46cb7a 8ca7fffe bcd11d57 bd0d31dd de40bcdf"),
    Case("погоды -геолокация", "19447ef5 485aa2a2 bcd11d57 bd0d31dd de40bcdf"),
    Case("ребята", "36e67d43 641d6614 d38400e6"),
    Case("русскоязычная", "76714ce5 bc65402b"),
    Case("чате OR чата", "48a323bf 6ae9e46c 76714ce5 b89ff11d e1683658 e872774c"),
  ]

  // `بترجمة` (in translating) is not found by `ترجمة`: a preposition is taken off before an article only.
  private static let arabicCases: [Case] = [
    Case("الترجمة", "4b6159ee 8dd6f153 90c1b02d a17f36d0 c4de6166 fcf34a2a"),
    Case("ترجمة", "39bc81bb 4b6159ee 8dd6f153 90c1b02d a17f36d0 aa7781b8 c4de6166 fcf34a2a"),
    Case(
      "السلام عليكم",
      "29febaab 2dfba2d4 4b6159ee 5ff4d581 884c44b0 9451cfd6 aa7781b8 c4de6166 "
        + "d6dcc342 d99ebf6b ebe14edf f4308d8f"),
    Case(
      "سلام",
      "01ea2aa4 12b271a8 29febaab 2dfba2d4 4b6159ee 5ff4d581 884c44b0 9451cfd6 "
        + "aa7781b8 c4de6166 d6dcc342 d99ebf6b daca59fe ebe14edf f4308d8f"),
    Case("مشكلة", "60b8678a 8dd6f153 90c1b02d a17f36d0"),
    Case("الى", "3c02b951 8dd6f153 a17f36d0 f50b4706"),
    Case("إلى", "3c02b951 8dd6f153 a17f36d0 f50b4706"),
    Case("انا", "01b53e0d 666b6aa4 aa7781b8 b5682f4d dbed018b f50b4706 f61f9634"),
    Case("مرحبا", "2c89c3b4 3a02f65e 6baff798 d334beec"),
    Case("موقع", "10686fd8 901a8003 f50b4706"),
    Case("أحد", "27516301 4b6159ee 6bfd8a39 c4de6166"),
    Case("الإنجليزية", "61a2091c 666b6aa4"),
  ]

  private static let japaneseCases: [Case] = [
    Case("東京", "2f2af364 3b3719ef 62492626 881c9665 ccca42a1 d9284522"),
    Case("京", "2f2af364 3b3719ef 62492626 881c9665 ccca42a1 d9284522"),
    Case("勉強会", "227dc677 24dfbcac 3befef44 59929c16 85ec782f b488ba32 df92d2ae"),
    Case("サーバ", "222facb3 dbcb42e2 f33c663b f86395b6"),
    Case("サーバー", "222facb3 dbcb42e2 f33c663b f86395b6"),
    Case("環境構築", "097c57e4 0e5871ee 1729ac39 52cee2d5 61ed6dc3 66908f5f d2ea042a f48e10b9"),
    Case("\"環境構築方法\"", "097c57e4 0e5871ee 61ed6dc3"),
    Case("ユーザ", "38f3b18a 72ea2ca1 99d9a31c a36923c9 f2af65ac f48e10b9"),
    Case("ユーザー", "38f3b18a 72ea2ca1 99d9a31c a36923c9 f2af65ac f48e10b9"),
    Case("コンパイルエラー", "1f40c02f a23cf8f4 e120732c"),
    Case("日本語", "46958451 91206c5b a36923c9 d9284522 e1d35dff"),
    Case("プルリク", "28d548c2 3ba8960c 85c8a5c7 e3c36424 e72e4cba"),
    Case("面白い", "18665de5 28f2d5d2 855b94e4 b7bcb3b2 c346df5e"),
    Case("ＨＡＳＫＥＬＬ 日本", "b9889326"),
    Case("渋谷 OR 秋田", "1a84e5ec 2c095ada 3fb45957 46958451 d0d71543"),
    Case("カレー", ""),  // `カレンダー` is no curry
  ]

  private static let emojiCases: [Case] = [
    Case(":tada:", "e4000000 0e5871ee 463aa03c 696eee37 a5e95d5e"),
    Case(
      ":+1:",
      "2fb880af 3f00611e 45410361 870df3eb 89b28c9b 8eb2a466 914b6fe2 a03fe2c8 bde43f29"),
    Case(
      "thinking_face",
      "01db01e8 0fa1254d 12e814d0 37144f20 5cf270dc b28c71f9 f4e1a489 f8a55e7c"),
    Case(":pray:", "5691e84b c7841803"),
    Case(":sweat_smile:", "323c7b3e 3c9533eb 85ec782f 8c72b894 8d2da4b3 ca7580e8 f40c3e9f"),
    Case("🎉", "e1000000"),
    Case("👍", "e1000000 e6000000"),
    Case("👍🏿", "e1000000 e6000000"),
    Case("💻", "e2000000"),
    Case("👩🏾‍💻", "e2000000"),
    Case("❤", "e3000000"),
    Case("❤️", "e3000000"),
    Case("🇯🇵", "e3000000"),
    Case("🇵🇩", ""),
    Case("😂", "e5000000"),
    Case("\"😂 lunch\"", "e5000000"),
    Case("💔 OR 🎊", ""),
  ]
}

extension Event {
  fileprivate var conversationName: String? {
    if case .messageCreated(let created) = self { created.conversationID } else { nil }
  }
}
