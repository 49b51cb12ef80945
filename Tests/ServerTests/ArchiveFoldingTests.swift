import Catalog
import Foundation
import Ingestion
import KeyVault
import Model
import Postgres
import Runtime
import Segments
import Testing
import Tiering

@testable import History

@Suite("Edits of archived messages")
struct ArchiveFoldingTests {
  private let rooms: CoverageHouse
  private let tenant: Tenant
  private let archiver: Archiver
  private var application: Application { rooms.house.application }

  /// Six archived messages of kim's: one edited twice, one edited by somebody else, one with a reaction.
  init() async throws {
    rooms = try await CoverageHouse()
    tenant = try await rooms.house.application.tenant("acme")
    archiver = rooms.house.application.archiver(tenant)
    try await rooms.join("kim", ["a"])
    try await rooms.join("robin", ["a"])
    try await rooms.store(
      (1...6).map { day in
        CoverageHouse.message(
          "m\(day)",
          .init(conversation: "a", at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
      })
    try await edit("m2", by: "kim", "once", day: 7)
    try await edit("m2", by: "kim", "twice", day: 8)
    try await edit("m3", by: "robin", "by another", day: 9)
    try await rooms.store([
      IngestItem(
        line: 1, raw: [],
        event: .reaction(
          Reaction(
            added: true, messageID: "m2", conversationID: "a", subjectID: "robin", name: "tada",
            at: Timestamp(civil: 2024, 1, 10))))
    ])
    try await archive()
  }

  private func edit(_ id: String, by editor: String, _ text: String, day: Int) async throws {
    try await rooms.store([
      IngestItem(
        line: 1, raw: [],
        event: .messageEdited(
          MessageEdited(
            messageID: id, conversationID: "a", editorID: editor, editedAt: Timestamp(civil: 2024, 1, day),
            body: .plain(text), version: nil, tokens: CoverageHouse.tokens(TokenKind(.plain)))))
    ])
  }

  private func archive() async throws {
    _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 2, 1)))
  }

  private func count(_ sql: String) async throws -> Int64 {
    try await application.database.transaction { tx in try tx.execute(sql).int64(0, 0) }
  }

  private func span() async throws -> HistoryReader.Span {
    let card = try #require(try await rooms.house.directory.conversation("a"))
    return HistoryReader.Span(
      conversation: card.conversation, route: card.route, tenant: tenant.id, ascending: true)
  }

  /// Everything but the tier.
  fileprivate struct Read: Hashable {
    let original: MessagePayload
    let changes: [HistoricChange]
    let text: MessagePayload

    init(_ message: HistoricMessage) {
      (original, changes, text) = (message.original, message.changes, message.payload)
    }
  }

  private func read() async throws -> [Read] {
    let span = try await span()
    return try await application.history.page(span, limit: 100).map(Read.init)
  }

  private static let folded = "SELECT count(*) FROM amendment WHERE kind = 1 AND sealed = ''"

  @Test("Compaction takes their content into the segment once, and every reader finds it there")
  func folding() async throws {
    let before = try await read()
    #expect(before[1].changes.count == 3 && before[1].text.body == .plain("twice"))
    #expect(try await archiver.compact(dryRun: true).folded == 2)
    #expect(try await count(Self.folded) == 0)
    let done = try await archiver.compact(dryRun: false)
    #expect(done.folded == 2 && done.rewritten == 1 && done.segments == 1 && done.dropped == 0)
    #expect(try await count(Self.folded) == 2)
    #expect(try await read() == before)
    #expect(before.allSatisfy { $0.original.folded.isEmpty })
    #expect(try await archiver.compact(dryRun: false).rewritten == 0)
    #expect(try await archiver.verify(.all, deep: true).damaged == 0)
    // By its place, as search reads it.
    let places = try await application.history.page(try await span(), limit: 100).map(\.locator.place)
    #expect(try await application.history.messages(places).map(Read.init).sorted() == before.sorted())
    await application.close()
  }

  @Test("What is edited again later is folded later, and what was folded before comes along")
  func again() async throws {
    _ = try await archiver.compact(dryRun: false)
    try await edit("m2", by: "kim", "three times", day: 12)
    let before = try await read()
    #expect(before[1].text.body == .plain("three times") && before[1].changes.count == 4)
    #expect(
      try await archiver.compact(dryRun: false, width: 8).folded == 1, "one in six is enough for a night")
    #expect(try await count(Self.folded) == 3)
    #expect(try await read() == before)
    await application.close()
  }

  @Test("What the catalogue does not name any more goes from the segment with the next compaction")
  func forgotten() async throws {
    _ = try await archiver.compact(dryRun: false)
    let (owner, now) = (tenant.id, Application.clock())
    // As when a person's changes are erased; and something of the month dies, for a reason to write it anew.
    try await application.database.transaction { tx in
      try tx.execute("DELETE FROM amendment WHERE kind = 1 AND sealed = ''")
      let key = try Locators.scan(tenant: owner, states: [.live], after: nil, limit: 100, in: tx)
        .first { $0.position.createdAt == Timestamp(civil: 2024, 1, 6) }.map(\.key)
      _ = try Deletions.delete(key.map { [$0] } ?? [], for: .retention, tenant: owner, at: now, in: tx)
    }
    #expect(try await archiver.compact(dryRun: false).dropped == 1)
    let blocks = try await application.database.read { tx in
      try Archive.segments(tenant: owner, in: tx).flatMap { try Archive.blocks(segment: $0.id, in: tx) }
    }
    for block in blocks {
      for message in try await application.history.archive.messages(block) {
        #expect(try MessagePayload(bytes: message.payload).folded.isEmpty)
      }
    }
    #expect(!blocks.isEmpty)
    await application.close()
  }

  @Test("A restored segment has its edits in the catalogue again")
  func restoring() async throws {
    let before = try await read()
    _ = try await archiver.compact(dryRun: false)
    let tenant = tenant.id
    let segment = try await application.database.read { tx in try Archive.segments(tenant: tenant, in: tx) }[
      0]
    #expect(try await archiver.restore(segment.id).messages == 6)
    #expect(try await count(Self.folded) == 0)
    #expect(try await read() == before)
    try await archive()
    #expect(try await archiver.compact(dryRun: false).folded == 2)
    #expect(try await read() == before)
    await application.close()
  }

  @Test("A reader that read the segment before the compaction finds the edits of after it")
  func between() async throws {
    let before = try await read()
    let batch = try await application.history.stored(try await span(), wanted: 100, preserved: false) {
      throw $1
    }
    _ = try await archiver.compact(dryRun: false)
    let merged = try await application.history.merged(batch.rows, tenant: tenant.id, states: [.live])
    #expect(merged.map(Read.init) == before)
    await application.close()
  }

  @Test("Edits of an erased author are gone with the messages, and a deleted message takes its edits along")
  func gone() async throws {
    _ = try await archiver.compact(dryRun: false)
    let kim = try #require(try await rooms.house.directory.subject("kim"))
    let owner = KeyOwner.subject(tenant.id, kim)
    let now = Application.clock()
    _ = try await application.database.transaction { tx in
      try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
    }
    application.vault.forget([owner])
    #expect(try await read().isEmpty)
    await application.close()
  }
}

extension ArchiveFoldingTests.Read: Comparable {
  fileprivate static func < (left: Self, right: Self) -> Bool {
    left.original.messageID < right.original.messageID
  }
}
