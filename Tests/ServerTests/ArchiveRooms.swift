import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import Segments
import Testing
import Tiering

/// Four conversations with three messages each in January 2024, and an archive for them.
struct ArchiveRooms {
  static let names = ["a", "b", "c", "d"]
  static let end = Timestamp(civil: 2024, 2, 1)

  private let coverage: CoverageHouse
  let tenant: Tenant

  var application: Application { coverage.house.application }
  var segments: String { application.settings.home + "/segments" }

  init() async throws {
    coverage = try await CoverageHouse()
    tenant = try await coverage.house.application.tenant("acme")
    try await coverage.join("kim", Self.names)
    try await write("first", days: [2, 5, 9])
  }

  func store(_ items: [IngestItem]) async throws { try await coverage.store(items) }

  func write(_ prefix: String, days: [Int]) async throws {
    try await store(
      Self.names.flatMap { name in
        days.map { day in
          CoverageHouse.message(
            "\(prefix)-\(name)-\(day)",
            .init(conversation: name, at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
        }
      })
  }

  func archive(_ pace: Pace = Pace()) async throws -> Archiver.Report {
    let archiver = application.archiver(tenant, pace: pace)
    return try await archiver.run(try await archiver.plan(before: Self.end))
  }

  func count(_ sql: String) async throws -> Int64 {
    try await application.database.transaction { tx in try tx.execute(sql).int64(0, 0) }
  }

  func ids() async throws -> [[String]] {
    let reader = Reader.member(try #require(try await coverage.house.directory.subject("kim")))
    var ids: [[String]] = []
    for name in Self.names {
      let page = try await application.conversationHistory(coverage.house.directory)
        .page(name, reader: reader, anchor: .newest, limit: 100)
      ids.append(page.messages.map(\.messageID))
    }
    return ids
  }

  func rows() async throws -> [SegmentRow] {
    try await application.database.read { tx in try Archive.segments(tenant: nil, in: tx) }
  }

  func blocks(of segment: String) async throws -> [BlockRow] {
    try await application.database.read { tx in try Archive.blocks(segment: segment, in: tx) }
  }

  /// A flipped bit.
  func damage(_ block: BlockRow, of segment: String) throws {
    let path = URL(fileURLWithPath: segments + "/" + SegmentName.object(segment))
    var bytes = try Data(contentsOf: path)
    bytes[Int(block.offset) + 10] ^= 1
    try bytes.write(to: path)
  }
}
