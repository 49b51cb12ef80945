import Catalog
import Foundation
import Governance
import History
import Model
import Postgres
import Retention
import Runtime
import Search
import Segments
import Synchronization
import Testing
import Tiering

@Suite("History over an archive that cannot be read whole")
struct MissingHistoryTests {
  private let rooms: CoverageHouse
  private var application: Application { rooms.house.application }

  /// Three months of a conversation in a segment each, and one that is hot.
  init() async throws {
    rooms = try await CoverageHouse()
    try await rooms.join("kim", ["a"])
    try await rooms.store(
      (1...4).flatMap { month in
        (1...5).map { day in
          CoverageHouse.message(
            "m\(month)-\(day)",
            .init(conversation: "a", at: Timestamp(civil: 2024, month, day), kind: TokenKind(.plain)))
        }
      })
    let archiver = rooms.house.application.archiver(try await rooms.house.application.tenant("acme"))
    let report = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 4, 1)))
    #expect(report.segments == 3)
  }

  private func page(
    _ anchor: ConversationHistory.Anchor = .newest, limit: Int, _ history: HistoryReader? = nil
  )
    async throws -> ConversationHistory.Page
  {
    let reader = Reader.member(try #require(try await rooms.house.directory.subject("kim")))
    return try await ConversationHistory(
      directory: rooms.house.directory, history: history ?? application.history
    )
    .page("a", reader: reader, anchor: anchor, limit: limit)
  }

  private func path(month: Int) async throws -> String {
    let period = Period(containing: Timestamp(civil: 2024, month, 1))
    let row = try await application.database.transaction { tx in
      try Archive.segments(tenant: nil, in: tx).first { $0.period == period }
    }
    return application.settings.home + "/segments/" + SegmentName.object(try #require(row).id)
  }

  @Test("A damaged block is a gap of the page, with its times, and the others are read")
  func damaged() async throws {
    #expect(try await page(limit: 50).coverage.complete)
    let path = try await path(month: 2)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for index in 100..<bytes.count - 100 { bytes[index] ^= 0x55 }
    try bytes.write(to: URL(fileURLWithPath: path))
    let read = try await page(limit: 50)
    #expect(
      read.messages.map(\.messageID) == [1, 3, 4].flatMap { month in (1...5).map { "m\(month)-\($0)" } })
    #expect(read.nextCursor == nil && !read.coverage.complete)
    let gap = try #require(read.coverage.gaps.first)
    #expect(read.coverage.gaps.count == 1 && gap.reason == "archive_unreadable" && gap.conversationID == "a")
    #expect(
      gap.from == Timestamp(civil: 2024, 2, 1).rfc3339 && gap.to == Timestamp(civil: 2024, 2, 5).rfc3339)
    await application.close()
  }

  @Test("Page by page, both ways, a gap is told with the pages it lies in, and nothing else is missing")
  func paged() async throws {
    try FileManager.default.removeItem(atPath: try await path(month: 2))
    var (seen, gaps, pages) = ([String](), [Int](), 0)
    var anchor = ConversationHistory.Anchor.newest
    while pages < 20 {
      let read = try await page(anchor, limit: 3)
      seen = read.messages.map(\.messageID) + seen
      gaps.append(read.coverage.gaps.count)
      pages += 1
      guard let next = read.nextCursor else { break }
      anchor = .cursor(try Cursor(text: next))
    }
    let all = [1, 3, 4].flatMap { month in (1...5).map { "m\(month)-\($0)" } }
    #expect(seen == all)
    #expect(gaps == [0, 0, 0, 1, 0], "\(gaps)")
    let ahead = try await page(.after("m1-1"), limit: 50)
    #expect(ahead.messages.map(\.messageID) == Array(all.dropFirst()) && ahead.coverage.gaps.count == 1)
    await application.close()
  }

  @Test("A preview of policies counts what cannot be read, and goes without its samples")
  func previewed() async throws {
    try FileManager.default.removeItem(atPath: try await path(month: 2))
    let strict = PolicyDocument(policies: [.init(name: "default", deleteAfter: RetentionLength("30d"))])
    let preview = try await application.retention(rooms.house.directory).preview(strict)
    #expect(preview.totals.due == 20)
    #expect(
      preview.rows.map { "\($0.period) \($0.samples.count)" }.sorted()
        == ["2024-01 5", "2024-02 0", "2024-03 5", "2024-04 5"])
    await application.close()
  }

  @Test("A store that does not answer leaves the hot messages, and says that trying again may help")
  func unreachable() async throws {
    let store = CountedStore(application.history.archive.store, isDown: true)
    let history = HistoryReader(
      database: application.database, vault: application.vault,
      archive: ArchiveReader(store: store, vault: application.vault, database: application.database))
    let read = try await page(limit: 50, history)
    #expect(read.messages.map(\.messageID) == (1...5).map { "m4-\($0)" })
    #expect(read.coverage.gaps.map(\.reason) == [String](repeating: "archive_unavailable", count: 3))
    await application.close()
  }

  @Test("Any number of segments whose times overlap are read to their end, page by page")
  func overlapping() async throws {
    for round in 0..<9 {
      try await rooms.store(
        [6, 25].map { day in
          CoverageHouse.message(
            "late-\(round)-\(day)",
            .init(conversation: "a", at: Timestamp(civil: 2024, 2, day), kind: TokenKind(.plain)))
        })
      let archiver = application.archiver(try await application.tenant("acme"))
      _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 4, 1)))
    }
    let whole = try await page(limit: 100).messages.map(\.messageID)
    #expect(whole.count == 38)
    for ascending in [false, true] {
      var seen: [String] = []
      var anchor = ascending ? ConversationHistory.Anchor.after("m1-1") : .newest
      for _ in 0..<40 {
        let read = try await page(anchor, limit: 2)
        let ids = read.messages.map(\.messageID)
        seen = ascending ? seen + ids : ids + seen
        guard let next = read.nextCursor else { break }
        anchor = .cursor(try Cursor(text: next))
      }
      #expect(seen == (ascending ? Array(whole.dropFirst()) : whole))
    }
    await application.close()
  }

  @Test("A page of old history takes one ranged read a block")
  func reads() async throws {
    let store = CountedStore(application.history.archive.store, isDown: false)
    let history = HistoryReader(
      database: application.database, vault: application.vault,
      archive: ArchiveReader(store: store, vault: application.vault, database: application.database))
    let read = try await page(.before("m3-1"), limit: 4, history)
    #expect(read.messages.map(\.messageID) == (2...5).map { "m2-\($0)" })
    #expect(store.reads == 1)
    let over = try await page(.before("m3-1"), limit: 7, history)
    #expect(over.messages.map(\.messageID) == ["m1-4", "m1-5"] + (1...5).map { "m2-\($0)" })
    #expect(store.reads == 3)
    await application.close()
  }
}

/// Counts reads, or fails them as a store does that is away.
final class CountedStore: SegmentStore {
  private let store: any SegmentStore
  private let isDown: Bool
  private let count = Mutex(0)
  var reads: Int { count.withLock { $0 } }

  init(_ store: any SegmentStore, isDown: Bool) { (self.store, self.isDown) = (store, isDown) }

  func read(_ name: String, range: Range<Int>?) async throws -> [UInt8] {
    count.withLock { $0 += 1 }
    guard !isDown else { throw SegmentStoreError(.io, "the store is away") }
    return try await store.read(name, range: range)
  }
  func put(_ name: String, from path: String) async throws { try await store.put(name, from: path) }
  func size(_ name: String) async throws -> Int64 { try await store.size(name) }
  func list() async throws -> [String] { try await store.list() }
  func delete(_ name: String) async throws { try await store.delete(name) }
  func sweep() async throws -> Int { try await store.sweep() }
  func report() async throws -> SegmentStoreReport { try await store.report() }
}
