import Catalog
import Ingestion
import Model
import Postgres
import Runtime
import Search
import Testing

@Suite("What is kept of which tokens came when, and how it is counted anew")
struct CoverageRenewalTests {
  @Test(
    "Neither days far apart nor many generations make what is kept of a conversation grow without a bound")
  func bounds() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    let days = (0..<70).map { $0 * 2 } + (0..<70).map { 200 + $0 * 90 }
    try await rooms.store(
      days.enumerated().map {
        CoverageHouse.message(
          "a\($0.offset)",
          .init(conversation: "a", at: CoverageHouse.day(-$0.element), kind: TokenKind(.none)))
      })
    try await rooms.store(
      (1...600).map {
        CoverageHouse.message(
          "b\($0)",
          .init(
            conversation: "b", at: CoverageHouse.day(-$0), kind: TokenKind(.blinded, generation: Int64($0))))
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
    for day in days { #expect(told.contains { $0.holds(CoverageHouse.day(-day)) }) }
    let asked = try await rooms.coverage(
      CoverageHouse.blinded((1...600).map { ("b", UInt32($0)) }), as: "kim")
    #expect(asked.gaps.contains { $0.label == "b generation_not_asked -" && $0.holds(CoverageHouse.day(-1)) })
    await rooms.house.application.close()
  }

  @Test("Counting anew forgets what was deleted, and knows the generations that an older catalogue did not")
  func renewal() async throws {
    let rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a", "b"])
    try await rooms.store([
      CoverageHouse.message("a1", .init(conversation: "a", at: CoverageHouse.day(1), kind: TokenKind(.none))),
      CoverageHouse.message(
        "a2", .init(conversation: "a", at: CoverageHouse.day(3), kind: TokenKind(.plain))),
      CoverageHouse.message(
        "b1", .init(conversation: "b", at: CoverageHouse.day(2), kind: TokenKind(.blinded, generation: 4))),
    ])
    try await rooms.store([
      IngestItem(
        line: 1, raw: [],
        event: .messageDeleted(
          MessageDeleted(
            messageID: "a1", conversationID: "a", deletedBy: "kim", deletedAt: CoverageHouse.day(5))))
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
      let (name, at) = (names[number % 4], CoverageHouse.day(2 * number))
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
