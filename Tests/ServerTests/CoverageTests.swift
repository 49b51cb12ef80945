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

@Suite("What a search says it could not see")
struct CoverageTests {
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
            at: CoverageHouse.day(
              Int.random(in: 0..<20, using: &random), Int64.random(in: 0..<86_400, using: &random)),
            kind: allowed.randomElement(using: &random)!))
      }
    }
    try await rooms.store(all.enumerated().map { CoverageHouse.message("m\($0.offset)", $0.element) })
    var windows: [String: [String: ClosedRange<Timestamp>]] = [:]
    for person in 0..<8 {
      let subject = "p\(person)"
      for name in names where Bool.random(using: &random) {
        let ends = (0..<2).map { _ in CoverageHouse.day(Int.random(in: -2..<22, using: &random), 43_200) }
          .sorted()
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
        if Bool.random(using: &random) {
          request.after = CoverageHouse.day(Int.random(in: 0..<10, using: &random), 0)
        }
        if Bool.random(using: &random) {
          request.before = CoverageHouse.day(Int.random(in: 8..<20, using: &random), 7)
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
      CoverageHouse.message("a1", .init(conversation: "a", at: CoverageHouse.day(1), kind: plain))
    ])
    #expect(try await rooms.house.application.followFeedPatiently())
    #expect(try await rooms.coverage(CoverageHouse.plain, as: "kim").complete)
    try await rooms.store([CoverageHouse.edit("a1", "a", at: CoverageHouse.day(9), TokenKind(.none))])
    try await rooms.store([
      CoverageHouse.edit("b1", "b", at: CoverageHouse.day(9), TokenKind(.blinded, generation: 7))
    ])
    try await rooms.store([
      CoverageHouse.message("b1", .init(conversation: "b", at: CoverageHouse.day(2), kind: plain))
    ])
    #expect(try await rooms.house.application.followFeedPatiently())
    let told = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(
      told.gaps.map { "\($0.label) \($0.from ?? "") \($0.to ?? "")" }.sorted() == [
        "a no_tokens - \(CoverageHouse.day(1).rfc3339) \(CoverageHouse.day(1).rfc3339)",
        "b blinded_tokens_need_key - 2024-03-03T00:00:00Z 2024-03-03T23:59:59.999999Z",
      ])
    #expect(told.gaps.first { $0.conversationID == "a" }?.from == CoverageHouse.day(1).rfc3339)
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
      CoverageHouse.message("a1", .init(conversation: "a", at: CoverageHouse.day(1), kind: plain))
    ])
    let behind = try await rooms.coverage(CoverageHouse.plain, as: "kim")
    #expect(behind.gaps.map(\.label) == ["a index_behind -"] && !behind.complete && behind.indexLagEvents > 0)
    #expect(
      behind.gaps.first?.from == CoverageHouse.day(1).rfc3339
        && behind.gaps.first?.to == CoverageHouse.day(1).rfc3339)
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
      refused.gaps.first?.from == CoverageHouse.day(0, 5).rfc3339
        && refused.gaps.first?.to == CoverageHouse.day(0, 9).rfc3339)
    let application = rooms.house.application
    let locators = try await rooms.house.locators()
    let first = try #require(locators.first { $0.position.createdAt == CoverageHouse.day(1) })
    let group = Int16(rooms.house.group(first))
    try await application.database.transaction { tx in
      try IndexQuarantine.setAside(first, group: group, code: "unreadable", at: CoverageHouse.day(2), in: tx)
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
      CoverageHouse.message("a1", .init(conversation: "a", at: CoverageHouse.day(1), kind: plain)),
      CoverageHouse.message("b1", .init(conversation: "b", at: CoverageHouse.day(40), kind: plain)),
    ])
    let application = rooms.house.application
    #expect(try await application.followFeedPatiently())
    let archiver = application.archiver(try await application.tenant("acme"))
    let report = try await archiver.run(try await archiver.plan(before: CoverageHouse.day(30)))
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
    #expect(reply.coverage.gaps.first?.from == CoverageHouse.day(1).rfc3339)
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
          .init(
            conversation: $0.element, at: CoverageHouse.day(1),
            kind: TokenKind($0.offset < 201 ? .none : .plain)))
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
}
