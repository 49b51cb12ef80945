import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Testing
import Tiering

/// Messages of known tokens, and what a reader of them must be told.
struct CoverageHouse {
  let house: IndexHouse

  init() async throws { house = try await IndexHouse() }

  struct Written {
    let conversation: String
    let at: Timestamp
    let kind: TokenKind
  }

  static func tokens(_ kind: TokenKind) -> TokenSet? {
    switch kind.mode {
    case .none: nil
    case .plain: TokenSet(mode: .plain, sequence: [Array("word".utf8)])
    case .blinded:
      TokenSet(
        mode: .blinded, generation: UInt32(kind.generation),
        set: [[1, 2, 3, 4, 5, 6, 7, UInt8(kind.generation & 0xFF)]])
    }
  }

  static func message(_ id: String, _ written: Written) -> IngestItem {
    var payload = MessagePayload(messageID: id, body: .plain("word"))
    payload.tokens = tokens(written.kind)
    return IngestItem(
      line: 1, raw: [],
      event: .messageCreated(
        MessageCreated(
          conversationID: written.conversation, senderID: "kim", createdAt: written.at, payload: payload)))
  }

  static func edit(_ id: String, _ conversation: String, at: Timestamp, _ kind: TokenKind) -> IngestItem {
    IngestItem(
      line: 1, raw: [],
      event: .messageEdited(
        MessageEdited(
          messageID: id, conversationID: conversation, editorID: "kim", editedAt: at, body: .plain("word"),
          version: nil, tokens: tokens(kind))))
  }

  static func joined(_ subject: String, _ conversation: String, at: Timestamp, sees: Timestamp) -> IngestItem
  {
    IngestItem(
      line: 1, raw: [],
      event: .memberJoined(
        Membership(
          conversationID: conversation, subjectID: subject, at: at, role: nil, seesHistoryFrom: sees)))
  }

  static func left(_ subject: String, _ conversation: String, at: Timestamp) -> IngestItem {
    IngestItem(
      line: 1, raw: [],
      event: .memberLeft(
        Membership(conversationID: conversation, subjectID: subject, at: at, role: nil, seesHistoryFrom: nil))
    )
  }

  /// Membership from the start of time.
  func join(_ subject: String, _ conversations: some Sequence<String>) async throws {
    try await store(
      conversations.map { Self.joined(subject, $0, at: IndexHouse.day, sees: Timestamp(civil: 1990, 1, 1)) })
  }

  func store(_ items: [IngestItem]) async throws {
    for start in stride(from: 0, to: items.count, by: 500) {
      var batch = IngestBatch(source: "test")
      batch.items = Array(items[start..<min(start + 500, items.count)])
      let result = try await house.application.ingestor(house.directory).store(batch)
      try #require(result.setAsideCount == 0)
    }
  }

  func coverage(_ request: SearchRequest, as subject: String?) async throws -> SearchReply.Coverage {
    var reader = Reader.compliance
    if let subject { reader = .member(try #require(try await house.directory.subject(subject))) }
    return try await house.application.search(house.directory).search(request, reader: reader).coverage
  }

  static let plain = SearchRequest(query: .plain(.term("word")))

  static func blinded(_ asked: [(String, UInt32)]) -> SearchRequest {
    SearchRequest(
      query: .blinded(
        asked.map {
          SearchRequest.BlindedSet(
            conversationID: $0.0, generation: $0.1,
            tree: .term(BlindToken(base64URL: "AQIDBAUGBwE")!.base64URL))
        }))
  }
}

extension SearchReply.Gap {
  var label: String { "\(conversationID) \(reason) \(generation.map { "\($0)" } ?? "-")" }
  func holds(_ time: Timestamp) -> Bool {
    guard let from = from.flatMap({ Timestamp(rfc3339: $0) }), let to = to.flatMap({ Timestamp(rfc3339: $0) })
    else { return false }
    return from <= time && time <= to
  }
}

@Suite("What a search says it could not see")
struct CoverageTests {
  private static let dayStart = IndexHouse.day
  private static func day(_ number: Int, _ second: Int64 = 3_600) -> Timestamp {
    dayStart.adding(seconds: Int64(number) * 86_400 + second)
  }

  @Test(
    "case 18: against every message one by one, what is missing is told, what is told is missing, and within the windows"
  )
  func bruteForce() async throws {
    var random = SystemRandom("coverage")
    let rooms = try await CoverageHouse()
    let names = (0..<6).map { "c\($0)" }
    let kinds = [TokenKind(.none), TokenKind(.plain)] + (1...3).map { TokenKind(.blinded, generation: $0) }
    var all: [CoverageHouse.Written] = []
    for name in names {
      let allowed = kinds.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
      for _ in 0..<12 {
        all.append(
          .init(
            conversation: name,
            at: Self.day(
              Int.random(in: 0..<20, using: &random), Int64.random(in: 0..<86_400, using: &random)),
            kind: allowed.randomElement(using: &random)!))
      }
    }
    try await rooms.store(all.enumerated().map { CoverageHouse.message("m\($0.offset)", $0.element) })
    var windows: [String: [String: ClosedRange<Timestamp>]] = [:]
    for person in 0..<8 {
      let subject = "p\(person)"
      for name in names where Bool.random(using: &random) {
        let ends = (0..<2).map { _ in Self.day(Int.random(in: -2..<22, using: &random), 43_200) }.sorted()
        guard ends[0] < ends[1] else { continue }
        windows[subject, default: [:]][name] =
          ends[0]...Timestamp(microseconds: ends[1].microseconds - 1)
        try await rooms.store([
          CoverageHouse.joined(subject, name, at: ends[0], sees: ends[0]),
          CoverageHouse.left(subject, name, at: ends[1]),
        ])
      }
    }
    #expect(try await rooms.house.application.followFeedPatiently())
    for (subject, reach) in windows {
      for _ in 0..<6 {
        let asked = names.flatMap { name in (1...3).map { (name, UInt32($0)) } }
          .filter { _ in Bool.random(using: &random) }
        var request = Bool.random(using: &random) ? CoverageHouse.plain : CoverageHouse.blinded(asked)
        if Bool.random(using: &random) { request.after = Self.day(Int.random(in: 0..<10, using: &random), 0) }
        if Bool.random(using: &random) {
          request.before = Self.day(Int.random(in: 8..<20, using: &random), 7)
        }
        let told = try await rooms.coverage(request, as: subject)
        try Self.check(told, request, asked, all, reach)
      }
    }
    await rooms.house.application.close()
  }

  private static func reason(
    _ kind: TokenKind, _ name: String, _ request: SearchRequest, _ asked: [(String, UInt32)]
  )
    -> String?
  {
    guard case .blinded = request.query else {
      return kind.mode == .none
        ? "\(name) no_tokens -"
        : kind.mode == .plain ? nil : "\(name) blinded_tokens_need_key -"
    }
    switch kind.mode {
    case .none: return "\(name) no_tokens -"
    case .plain: return "\(name) plain_tokens_not_searched -"
    case .blinded:
      return asked.contains { $0 == (name, UInt32(kind.generation)) }
        ? nil : "\(name) generation_not_asked \(kind.generation)"
    }
  }

  private static func check(
    _ told: SearchReply.Coverage, _ request: SearchRequest, _ asked: [(String, UInt32)],
    _ all: [CoverageHouse.Written], _ reach: [String: ClosedRange<Timestamp>]
  ) throws {
    let (from, until) = (request.after ?? .earliest, request.before ?? .latest)
    let reasons = all.map { (message: $0, reason: reason($0.kind, $0.conversation, request, asked)) }
    for (message, reason) in reasons {
      guard let reason, reach[message.conversation]?.contains(message.at) ?? false, from <= message.at,
        message.at < until
      else { continue }
      #expect(told.gaps.contains { $0.label == reason && $0.holds(message.at) }, "silent: \(reason)")
    }
    for gap in told.gaps {
      let (first, last) = (
        try #require(gap.from.flatMap { Timestamp(rfc3339: $0) }),
        try #require(gap.to.flatMap { Timestamp(rfc3339: $0) })
      )
      let window = try #require(reach[gap.conversationID])
      #expect(window.contains(first) && window.contains(last) && from <= first && last < until)
      let days = TokenCoverage.day(of: first)...TokenCoverage.day(of: last)
      for day in days {
        #expect(
          reasons.contains { $0.reason == gap.label && TokenCoverage.day(of: $0.message.at) == day },
          "told without reason: \(gap.label)")
      }
    }
    #expect(told.complete == told.gaps.isEmpty)
  }

  @Test("An edit counts by the day its message was written, whichever of the two arrives first")
  func edits() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    let plain = TokenKind(.plain)
    try await rooms.store([
      CoverageHouse.message("a1", .init(conversation: "a", at: Self.day(1), kind: plain))
    ])
    #expect(try await rooms.house.application.followFeedPatiently())
    #expect(try await rooms.coverage(CoverageHouse.plain, as: "kim").complete)
    try await rooms.store([CoverageHouse.edit("a1", "a", at: Self.day(9), TokenKind(.none))])
    try await rooms.store([
      CoverageHouse.edit("b1", "b", at: Self.day(9), TokenKind(.blinded, generation: 7))
    ])
    try await rooms.store([
      CoverageHouse.message("b1", .init(conversation: "b", at: Self.day(2), kind: plain))
    ])
    #expect(try await rooms.house.application.followFeedPatiently())
    let told = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(
      told.gaps.map { "\($0.label) \($0.from ?? "") \($0.to ?? "")" }.sorted() == [
        "a no_tokens - \(Self.day(1).rfc3339) \(Self.day(1).rfc3339)",
        "b blinded_tokens_need_key - 2024-03-03T00:00:00Z 2024-03-03T23:59:59.999999Z",
      ])
    #expect(told.gaps.first { $0.conversationID == "a" }?.from == Self.day(1).rfc3339)
    #expect(told.gaps.first { $0.conversationID == "b" }?.to == "2024-03-03T23:59:59.999999Z")
    await rooms.house.application.close()
  }

  @Test(
    "What waits for the index and what it refused is named by conversation; what is not the reader's is not")
  func waitingAndRefused() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a"])
    try await rooms.join("robin", ["b"])
    let plain = TokenKind(.plain)
    try await rooms.store([
      CoverageHouse.message("a1", .init(conversation: "a", at: Self.day(1), kind: plain))
    ])
    let behind = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(behind.gaps.map(\.label) == ["a index_behind -"] && !behind.complete && behind.indexLagEvents > 0)
    #expect(behind.gaps.first?.from == Self.day(1).rfc3339 && behind.gaps.first?.to == Self.day(1).rfc3339)
    let other = try await rooms.coverage(CoverageHouse.plain, as: "robin")
    #expect(other.gaps.isEmpty && other.complete && other.indexLagEvents == behind.indexLagEvents)
    #expect(try await rooms.house.application.followFeedPatiently())
    #expect(try await rooms.coverage(CoverageHouse.plain, as: "kim").complete)
    try await rooms.house.store([
      IndexHouse.message("a2", in: "a", second: 5, ["word", String(repeating: "x", count: 300)]),
      IndexHouse.message("a3", in: "a", second: 9, ["word", String(repeating: "y", count: 300)]),
    ])
    #expect(try await rooms.house.application.followFeedPatiently())
    let refused = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(refused.gaps.map(\.label) == ["a not_indexed -"])
    #expect(
      refused.gaps.first?.from == Self.day(0, 5).rfc3339 && refused.gaps.first?.to == Self.day(0, 9).rfc3339)
    let application = rooms.house.application
    let locators = try await rooms.house.locators()
    let first = try #require(locators.first { $0.position.createdAt == Self.day(1) })
    let group = Int16(rooms.house.group(first))
    try await application.database.transaction { tx in
      try IndexQuarantine.setAside(first, group: group, code: "unreadable", at: Self.day(2), in: tx)
    }
    let unreadable = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(unreadable.gaps.map(\.label) == ["a not_indexed -", "a archive_unreadable -"])
    let counts = try await application.indexer.coverage().map(\.count)
    #expect(counts.reduce(0) { $0 + $1.refused } == 2 && counts.reduce(0) { $0 + $1.unreadable } == 1)
    // Filters alone see messages without tokens, but not what is not in the index.
    #expect(try await rooms.coverage(SearchRequest(query: .everything), as: "kim").gaps.count == 2)
    #expect(try await rooms.coverage(CoverageHouse.plain, as: "robin").complete)
    await rooms.house.application.close()
  }

  @Test("A match in a damaged segment is named, and the others of the page are answered")
  func damagedSegment() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    let plain = TokenKind(.plain)
    try await rooms.store([
      CoverageHouse.message("a1", .init(conversation: "a", at: Self.day(1), kind: plain)),
      CoverageHouse.message("b1", .init(conversation: "b", at: Self.day(40), kind: plain)),
    ])
    let application = rooms.house.application
    #expect(try await application.followFeedPatiently())
    let archiver = application.archiver(try await application.tenant("acme"))
    let report = try await archiver.run(try await archiver.plan(before: Self.day(30)))
    #expect(report.messages == 1)
    let reader = try #require(try await rooms.house.directory.subject("kim"))
    let search = application.search(rooms.house.directory)
    #expect(try await search.search(CoverageHouse.plain, reader: .member(reader)).hits.count == 2)
    let segments = application.settings.home + "/segments"
    for path in try FileManager.default.subpathsOfDirectory(atPath: segments) {
      var isDirectory: ObjCBool = false
      let file = "\(segments)/\(path)"
      guard FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory), !isDirectory.boolValue
      else { continue }
      try FileManager.default.removeItem(atPath: file)
    }
    let reply = try await search.search(CoverageHouse.plain, reader: .member(reader))
    #expect(reply.hits.map(\.messageID) == ["b1"])
    #expect(reply.coverage.gaps.map(\.label) == ["a archive_unreadable -"] && !reply.coverage.complete)
    #expect(reply.coverage.gaps.first?.from == Self.day(1).rfc3339)
    await application.close()
  }

  @Test("More gaps than are told say so, also to one who reads more conversations than are asked by number")
  func truncated() async throws {
    let rooms = try await CoverageHouse()
    let names = (0..<501).map { "c\($0)" }
    try await rooms.join("kim", names)
    try await rooms.store(
      names.enumerated().map {
        CoverageHouse.message(
          "m\($0.offset)",
          .init(conversation: $0.element, at: Self.day(1), kind: TokenKind($0.offset < 201 ? .none : .plain)))
      })
    #expect(try await rooms.house.application.followFeedPatiently())
    let all = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(all.gaps.count == 200 && all.truncated == true && !all.complete)
    var few = CoverageHouse.plain
    few.conversationIDs = Array(names.prefix(200))
    let some = try await rooms.coverage(few, as: "kim")
    #expect(some.gaps.count == 200 && some.truncated == nil && !some.complete)
    few.conversationIDs = Array(names.suffix(300))
    #expect(try await rooms.coverage(few, as: "kim").complete)
    #expect(try await rooms.coverage(few, as: nil).complete)
    // Much is missing elsewhere in the tenant: the reader's own is found all the same, and nothing of the others' told.
    let (tenant, database) = (rooms.house.directory.tenant.id, rooms.house.application.database)
    try await database.transaction { tx in
      _ = try tx.execute(
        """
        DELETE FROM token_coverage WHERE mode = 0
          AND conversation_id > (SELECT min(conversation_id) FROM token_coverage WHERE mode = 0)
        """)
      _ = try tx.execute(
        """
        INSERT INTO token_coverage (route_key, conversation_id, mode, generation, tenant_id, days)
        SELECT n, n, 2, 1, $1, '{[19000,19005)}' FROM generate_series(1, 1100) n
        """, [.int8(tenant.rawValue)])
    }
    let own = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(own.gaps.map(\.reason) == ["no_tokens"] && own.truncated == nil && !own.complete)
    await rooms.house.application.close()
  }

  @Test(
    "Neither days far apart nor many generations make what is kept of a conversation grow without a bound")
  func bounds() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    let days = (0..<70).map { $0 * 2 } + (0..<70).map { 200 + $0 * 90 }
    try await rooms.store(
      days.enumerated().map {
        CoverageHouse.message(
          "a\($0.offset)", .init(conversation: "a", at: Self.day(-$0.element), kind: TokenKind(.none)))
      })
    try await rooms.store(
      (1...600).map {
        CoverageHouse.message(
          "b\($0)",
          .init(conversation: "b", at: Self.day(-$0), kind: TokenKind(.blinded, generation: Int64($0))))
      })
    #expect(try await rooms.house.application.followFeedPatiently())
    let database = rooms.house.application.database
    let (ranges, rows) = try await database.transaction { tx in
      (
        try tx.execute(
          "SELECT max((SELECT count(*) FROM unnest(days))) FROM token_coverage WHERE mode = 0"
        ).int64(0, 0), try tx.execute("SELECT count(*) FROM token_coverage WHERE mode = 2").int64(0, 0)
      )
    }
    #expect(ranges <= 64 && rows <= 520)
    // Too much is told rather than too little.
    let told = try await rooms.coverage(CoverageHouse.plain, as: "kim").gaps.filter {
      $0.conversationID == "a"
    }
    for day in days { #expect(told.contains { $0.holds(Self.day(-day)) }) }
    let asked = try await rooms.coverage(
      CoverageHouse.blinded((1...600).map { ("b", UInt32($0)) }), as: "kim")
    #expect(asked.gaps.contains { $0.label == "b generation_not_asked -" && $0.holds(Self.day(-1)) })
    await rooms.house.application.close()
  }

  @Test("Counting anew forgets what was deleted, and knows the generations that an older catalogue did not")
  func renewal() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    try await rooms.store([
      CoverageHouse.message("a1", .init(conversation: "a", at: Self.day(1), kind: TokenKind(.none))),
      CoverageHouse.message("a2", .init(conversation: "a", at: Self.day(3), kind: TokenKind(.plain))),
      CoverageHouse.message(
        "b1", .init(conversation: "b", at: Self.day(2), kind: TokenKind(.blinded, generation: 4))),
    ])
    try await rooms.store([
      IngestItem(
        line: 1, raw: [],
        event: .messageDeleted(
          MessageDeleted(messageID: "a1", conversationID: "a", deletedBy: "kim", deletedAt: Self.day(5))))
    ])
    let application = rooms.house.application
    try await application.database.transaction { tx in
      _ = try tx.execute("UPDATE token_coverage SET generation = -1 WHERE mode = 2")
    }
    #expect(try await application.followFeedPatiently())
    let asked = CoverageHouse.blinded([("b", 4)])
    let before = try await rooms.coverage(asked, as: "kim").gaps.map(\.label).sorted()
    #expect(before == ["a no_tokens -", "a plain_tokens_not_searched -", "b generation_not_asked -"])
    let unknown = try await application.indexer.coverage()
    #expect(unknown.reduce(0) { $0 + $1.count.unknownGenerations } == 1)
    #expect(unknown.reduce(0) { $0 + $1.count.withoutTokens } == 1)
    #expect(unknown.allSatisfy { $0.tenant == "acme" })
    #expect(try await application.indexer.reconcile(deep: true).isClean)
    #expect(try await rooms.coverage(asked, as: "kim").gaps.map(\.label) == ["a plain_tokens_not_searched -"])
    let known = try await application.indexer.coverage()
    #expect(known.reduce(0) { $0 + $1.count.unknownGenerations + $1.count.withoutTokens } == 0)
    #expect(known.reduce(0) { $0 + $1.count.conversations } == 2)
    await application.close()
  }

  @Test("Counting anew while messages arrive loses none of them")
  func renewalUnderWrites() async throws {
    let rooms = try await CoverageHouse()
    let names = (0..<4).map { "c\($0)" }
    try await rooms.join("kim", names)
    func message(_ number: Int) -> (name: String, at: Timestamp, item: IngestItem) {
      let (name, at) = (names[number % 4], Self.day(2 * number))
      return (
        name, at,
        CoverageHouse.message("m\(number)", .init(conversation: name, at: at, kind: TokenKind(.none)))
      )
    }
    let messages = (0..<40).map(message)
    try await rooms.store(messages[..<8].map(\.item))
    let (indexer, groups) = (rooms.house.application.indexer, rooms.house.groups)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { for message in messages[8...] { try await rooms.store([message.item]) } }
      tasks.addTask {
        for _ in 0..<5 { for group in 0..<groups { try await indexer.renewCoverage(group: group) } }
      }
      try await tasks.waitForAll()
    }
    #expect(try await rooms.house.application.followFeedPatiently())
    let told = try await rooms.coverage(CoverageHouse.plain, as: "kim").gaps
    for message in messages {
      #expect(told.contains { $0.label == "\(message.name) no_tokens -" && $0.holds(message.at) })
    }
    await rooms.house.application.close()
  }
}
