import Catalog
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import Testing
import Tiering

@Suite("Tokens through the tiers")
struct TokensThroughTiersTests {
  private static let other = TokenSet(mode: .plain, set: [Array("zebra".utf8)])
  private static let blinded = TokenSet(mode: .blinded, generation: 1, set: [[1, 2, 3, 4, 5, 6, 7, 8]])
  /// Two with tokens that follow from the text, then with others, with none, with blinded ones.
  private static let tokens: [TokenSet?] = [
    TokenSet(of: text(0)), TokenSet(of: text(1)), other, nil, blinded,
  ]

  private static func text(_ number: Int) -> String { "Grüße Nummer \(number)" }

  private static func message(_ number: Int) -> IngestItem {
    var payload = MessagePayload(messageID: "m\(number)", body: .plain(text(number)), tokens: tokens[number])
    payload.leaveOutFollowingTokens()
    return IngestItem(
      line: 1, raw: [],
      event: .messageCreated(
        MessageCreated(
          conversationID: "a", senderID: "kim", createdAt: Timestamp(civil: 2024, 1, 1 + number),
          payload: payload)))
  }

  private static let edit = IngestItem(
    line: 1, raw: [],
    event: .messageEdited(
      MessageEdited(
        messageID: "m0", conversationID: "a", editorID: "kim", editedAt: Timestamp(civil: 2024, 1, 9),
        body: .plain("Neue Welt"), version: nil, tokens: TokenSet(of: "Neue Welt"))))

  @Test(
    "Tokens are the same hot, archived, with folded edits, restored, and in an index that is built from each")
  func tiers() async throws {
    let rooms = try await CoverageHouse()
    let application = rooms.house.application
    let tenant = try await application.tenant("acme")
    let archiver = application.archiver(tenant)
    try await rooms.join("kim", ["a"])
    try await rooms.store((0..<5).map(Self.message) + [Self.edit])
    try await check(rooms, tenant)
    _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 2, 1)))
    #expect(try await carried(rooms, tenant) == [true, true, false, false, false])
    try await check(rooms, tenant)
    #expect(try await archiver.compact(dryRun: false).folded == 1)
    #expect(try await carried(rooms, tenant) == [true, true, false, false, false])
    try await check(rooms, tenant)
    #expect(try await archiver.verify(.all, deep: true).damaged == 0)
    let segments = try await application.database.read { tx in try Archive.segments(tenant: tenant.id, in: tx)
    }
    #expect(try await archiver.restore(segments[0].id).messages == 5)
    try await check(rooms, tenant)
    await application.close()
  }

  /// What a reader gets, and what is found in an index that is built from it.
  private func check(_ rooms: CoverageHouse, _ tenant: Tenant) async throws {
    let application = rooms.house.application
    let card = try #require(try await rooms.house.directory.conversation("a"))
    let span = HistoryReader.Span(
      conversation: card.conversation, route: card.route, tenant: tenant.id, ascending: true)
    let messages = try await application.history.page(span, limit: 10)
    #expect(messages.map(\.original.tokens) == Self.tokens)
    #expect(messages.first?.payload.tokens == TokenSet(of: "Neue Welt"))
    #expect(try await application.followFeedPatiently())
    _ = try await application.indexer.rebuild()
    #expect(try await application.indexer.compare(deep: true).isClean)
    for (word, count) in [("grusse", 1), ("grüsse", 1), ("neue", 1), ("zebra", 1), ("nummer", 1), ("3", 0)] {
      #expect(try await rooms.house.count(word) == count, "\(word)")
    }
  }

  /// Which of the archived messages have no tokens lying beside them.
  private func carried(_ rooms: CoverageHouse, _ tenant: Tenant) async throws -> [Bool] {
    let application = rooms.house.application
    let blocks = try await application.database.read { tx in
      try Archive.segments(tenant: tenant.id, in: tx).flatMap { try Archive.blocks(segment: $0.id, in: tx) }
    }
    var follow: [Bool] = []
    for block in blocks {
      for message in try await application.history.archive.messages(block) {
        follow.append(try MessagePayload(bytes: message.payload).tokensFollow)
      }
    }
    return follow
  }
}
