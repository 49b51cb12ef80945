import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import Runtime
import Search
import Segments
import Testing
import Tiering

@Suite("Reading old history again")
struct ArchiveCacheTests {
  private let rooms: CoverageHouse
  private let store: CountedStore
  private let history: HistoryReader
  private var application: Application { rooms.house.application }

  /// Three hundred archived messages of one conversation, and a reader with a cache of its own.
  init() async throws {
    rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a"])
    try await rooms.store(
      (0..<300).map { number in
        let at = Timestamp(civil: 2024, 1, 2).adding(seconds: Int64(number) * 3_600)
        return CoverageHouse.message("m\(number)", .init(conversation: "a", at: at, kind: TokenKind(.plain)))
      })
    let archiver = rooms.house.application.archiver(try await rooms.house.application.tenant("acme"))
    _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 3, 1)))
    let application = rooms.house.application
    store = CountedStore(application.history.archive.store, isDown: false)
    history = HistoryReader(
      database: application.database, vault: application.vault,
      archive: ArchiveReader(
        store: store, vault: application.vault, database: application.database,
        cache: BlockCache(bytesMax: 1 << 20)))
  }

  private func page(_ anchor: ConversationHistory.Anchor, limit: Int) async throws -> [String] {
    let reader = Reader.member(try #require(try await rooms.house.directory.subject("kim")))
    return try await ConversationHistory(directory: rooms.house.directory, history: history)
      .page("a", reader: reader, anchor: anchor, limit: limit).messages.map(\.messageID)
  }

  @Test("A page takes two reads of the store at most, and those after it in the same blocks none")
  func pages() async throws {
    let newest = try await page(.newest, limit: 50)
    #expect(newest == (250..<300).map { "m\($0)" })
    #expect(store.reads <= 2)
    let first = store.reads
    var seen = newest
    while seen.count < 300 { seen = try await page(.before(seen[0]), limit: 50) + seen }
    #expect(seen == (0..<300).map { "m\($0)" })
    #expect(store.reads == first)
    let counts = history.archive.cache.counts
    #expect(counts.misses == first && counts.hits >= 5 && counts.bytes > 0 && counts.bytes <= 1 << 20)
    await application.close()
  }

  @Test("A destroyed key closes blocks that are cached at once")
  func destroyed() async throws {
    let archived = try await page(.newest, limit: 50)
    #expect(archived.count == 50)
    let tenant = try await application.tenant("acme").id
    let card = try #require(try await rooms.house.directory.conversation("a"))
    let (owner, now) = (KeyOwner.conversation(tenant, card.conversation), Application.clock())
    _ = try await application.database.transaction { tx in
      try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
    }
    application.vault.forget([owner])
    let reads = store.reads
    let span = HistoryReader.Span(conversation: card.conversation, route: card.route, tenant: tenant)
    #expect(try await history.page(span, limit: 50).isEmpty)
    #expect(store.reads == reads, "it was the cached block that did not open")
    await application.close()
  }
}
