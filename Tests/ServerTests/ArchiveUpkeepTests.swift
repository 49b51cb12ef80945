import Catalog
import Foundation
import History
import Model
import Postgres
import Runtime
import Segments
import Synchronization
import TestSupport
import Testing
import Tiering

@Suite("Looking after the archive")
struct ArchiveUpkeepTests {
  private let rooms: ArchiveRooms
  private var application: Application { rooms.application }
  private var tenant: Tenant { rooms.tenant }

  init() async throws { rooms = try await ArchiveRooms() }

  /// Settings of another home that names the same directory for its segments.
  private func neighbour() async throws -> Settings {
    let database = try await TestDatabase.make()
    return try Settings(
      home: try TestDatabase.temporaryHome(),
      environment: [
        "MUNIMENT_DATABASE_URL": database.conninfo, "MUNIMENT_OBJECT_STORE": "file:" + rooms.segments,
      ])
  }

  @Test("A second home with the same directory is refused, and the first loses nothing")
  func secondHome() async throws {
    #expect(try await rooms.archive().messages == 12)
    let other = try await neighbour()
    let error = await #expect(throws: SegmentStoreError.self) {
      try await Application.open(other, creating: true)
    }
    #expect(error?.code == .refused)
    #expect(try await application.archiver(tenant).verify(.all, deep: true).damaged == 0)
    await application.close()
  }

  @Test("Segments of a directory without an owner are taken by the home that knows them, and by no other")
  func adoption() async throws {
    #expect(try await rooms.archive().messages == 12)
    try FileManager.default.removeItem(atPath: rooms.segments + "/owner")
    let other = try await neighbour()
    let error = await #expect(throws: SettingsError.self) {
      try await Application.open(other, creating: true)
    }
    #expect(error?.description.contains("does not know") == true)
    #expect(!FileManager.default.fileExists(atPath: rooms.segments + "/owner"))
    let again = try await Application.open(application.settings)
    #expect(FileManager.default.fileExists(atPath: rooms.segments + "/owner"))
    await again.close()
    await application.close()
  }

  @Test("What killed runs leave is named with its size, and the next run removes it")
  func orphans() async throws {
    #expect(try await rooms.archive().messages == 12)
    let archiver = application.archiver(tenant)
    #expect(try await archiver.orphans().isEmpty)
    let scratch = application.settings.home + "/scratch"
    let stray = String(repeating: "0a", count: 16) + ".mseg"
    let left = [
      rooms.segments + "/" + stray: 3, rooms.segments + "/" + stray + ".1.part": 4,
      scratch + "/dead.sealing": 5,
    ]
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    for (path, size) in left { try Data(count: size).write(to: URL(fileURLWithPath: path)) }
    let found = try await archiver.orphans()
    #expect(
      Set(found.map { "\($0.kind.rawValue) \($0.name) \($0.bytes)" }) == [
        "object \(stray) 3", "upload \(stray).1.part 4", "scratch dead.sealing 5",
      ])
    #expect(found.allSatisfy { $0.modifiedAt != nil })
    #expect(try await rooms.archive().messages == 0)
    #expect(try await archiver.orphans().isEmpty)
    #expect(try await archiver.verify(.all, deep: true).segments == 1)
    await application.close()
  }

  @Test("A run whose time is up ends between conversations, and the next one takes the rest")
  func until() async throws {
    let before = try await rooms.ids()
    // A clock that goes on by a second with each look.
    let looks = Mutex<Int64>(0)
    let clock: @Sendable () -> Timestamp = {
      Timestamp(
        seconds: 1_000_000
          + looks.withLock { looks in
            looks += 1; return looks
          })
    }
    let archiver = Archiver(
      tenant: tenant, database: application.database, vault: application.vault, history: application.history,
      audit: application.audit,
      settings: .init(
        scratch: application.settings.home + "/scratch", groups: application.settings.indexGroups),
      pace: Pace(until: Timestamp(seconds: 1_000_005)), now: clock)
    let report = try await archiver.run(try await archiver.plan(before: ArchiveRooms.end))
    #expect(report.isStopped && report.messages > 0 && report.messages < 12 && report.messages % 3 == 0)
    #expect(try await rooms.count("SELECT count(*) FROM message") == Int64(12 - report.messages))
    #expect(try await rooms.ids() == before)
    #expect(try await rooms.archive(Pace(until: Timestamp(seconds: 1))).isStopped)
    let rest = try await rooms.archive()
    #expect(!rest.isStopped && rest.messages == 12 - report.messages)
    #expect(try await rooms.ids() == before)
    await application.close()
  }

  @Test("Compaction merges what late arrivals split, in order and each message once")
  func merging() async throws {
    #expect(try await rooms.archive().messages == 12)
    try await rooms.write("late", days: [1, 5, 7, 12])
    let before = try await rooms.ids()
    #expect(before.allSatisfy { $0.count == 7 })
    #expect(try await rooms.archive().messages == 16)
    let done = try await application.archiver(tenant).compact(dryRun: false)
    #expect(done.rewritten == 2 && done.segments == 1 && done.dropped == 0 && !done.isStopped)
    #expect(try await rooms.ids() == before)
    #expect(
      try await rooms.count("SELECT sum(message_count)::bigint FROM segment WHERE superseded_at IS NULL")
        == 28)
    #expect(try await application.archiver(tenant).verify(.all, deep: true).damaged == 0)
    #expect(try await application.archiver(tenant).compact(dryRun: true).rewritten == 0)
    await application.close()
  }

  @Test("Compaction opens again only what something died in, and nightly merges wait for company")
  func upkeep() async throws {
    #expect(try await rooms.archive().messages == 12)
    let archiver = application.archiver(tenant)
    func suspects() async throws -> Int {
      let tenant = tenant.id
      return try await application.database.read { tx in try Archive.mayHoldDead(tenant: tenant, in: tx) }
        .count
    }
    #expect(try await suspects() == 1)
    #expect(try await archiver.compact(dryRun: true).rewritten == 0)
    #expect(try await suspects() == 1, "a look that changes nothing notes nothing")
    #expect(try await archiver.compact(dryRun: false).rewritten == 0)
    #expect(try await suspects() == 0)
    let (owner, now) = (tenant.id, Application.clock())
    let gone = try await application.database.transaction { tx in
      let first = try Locators.scan(tenant: owner, states: [.live], after: nil, limit: 1, in: tx)
      return try Deletions.delete(first.map(\.key), for: .retention, tenant: owner, at: now, in: tx).deleted
    }
    #expect(gone.count == 1)
    #expect(try await suspects() == 1)
    let done = try await archiver.compact(dryRun: false)
    #expect(done.rewritten == 1 && done.dropped == 1)
    #expect(try await archiver.compact(dryRun: false).rewritten == 0)
    #expect(try await suspects() == 0)
    try await rooms.write("late", days: [1, 5])
    #expect(try await rooms.archive().segments == 1)
    #expect(try await archiver.compact(dryRun: false, width: 8).rewritten == 0)
    try await application.database.transaction { tx in
      try tx.execute("UPDATE segment SET sealed_at = sealed_at - interval '4 days'")
    }
    #expect(try await archiver.compact(dryRun: false, width: 8).rewritten == 2)
    await application.close()
  }

  private func archiver(_ change: (inout Archiver.Settings) -> Void) -> Archiver {
    var settings = Archiver.Settings(
      scratch: application.settings.home + "/scratch", groups: application.settings.indexGroups)
    change(&settings)
    return Archiver(
      tenant: tenant, database: application.database, vault: application.vault, history: application.history,
      audit: application.audit, settings: settings, now: Application.clock)
  }

  @Test("Of a month that is larger than a segment, the small ones are merged")
  func small() async throws {
    #expect(try await rooms.archive().messages == 12)
    let large = try #require(try await rooms.rows().first)
    for day in [3, 4] {
      try await rooms.store([
        CoverageHouse.message(
          "late-\(day)",
          .init(conversation: "a", at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
      ])
      #expect(try await rooms.archive().messages == 1)
    }
    let before = try await rooms.ids()
    let bytes = try await rooms.rows().filter { $0.id != large.id }.map(\.bytes)
    let target = max(large.bytes, 2 * (bytes.max() ?? 0) + 2)
    let archiver = archiver { $0.segmentBytesTarget = target }
    let done = try await archiver.compact(dryRun: false)
    #expect(done.rewritten == 2 && done.segments == 1 && done.damaged.isEmpty)
    #expect(try await rooms.rows().count == 2)
    #expect(try await rooms.rows().contains { $0.id == large.id })
    #expect(try await rooms.ids() == before)
    #expect(try await archiver.compact(dryRun: false).rewritten == 0)
    await application.close()
  }

  @Test("A damaged month is named and keeps no other from being compacted")
  func damagedMonth() async throws {
    try await rooms.store(
      [1, 2].map { day in
        CoverageHouse.message(
          "february-\(day)",
          .init(conversation: "a", at: Timestamp(civil: 2024, 2, day), kind: TokenKind(.plain)))
      })
    let archiver = application.archiver(tenant)
    _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 3, 1)))
    let (owner, now) = (tenant.id, Application.clock())
    try await application.database.transaction { tx in
      let all = try Locators.scan(tenant: owner, states: [.live], after: nil, limit: 100, in: tx)
      let gone = Dictionary(grouping: all) { Period(containing: $0.position.createdAt) }.values
        .compactMap(\.first)
      _ = try Deletions.delete(gone.map(\.key), for: .retention, tenant: owner, at: now, in: tx)
    }
    let january = Period(containing: ArchiveRooms.end.adding(seconds: -1))
    let damaged = try #require(try await rooms.rows().first { $0.period == january })
    let block = try #require(try await rooms.blocks(of: damaged.id).last)
    try rooms.damage(block, of: damaged.id)
    let done = try await archiver.compact(dryRun: false)
    #expect(done.damaged == [damaged.period])
    #expect(done.rewritten == 1 && done.dropped == 1)
    #expect(try await rooms.rows().contains { $0.id == damaged.id })
    await application.close()
  }

  @Test(
    "Hot messages are read as many at a time as fit, and none is left out or doubled",
    arguments: [1, 400, 2_500, 5_000])
  func visits(bytes: Int) async throws {
    try await rooms.write("more", days: Array(10...24))
    let before = try await rooms.ids()
    let archiver = archiver { $0.visitBytesMax = bytes }
    let report = try await archiver.run(try await archiver.plan(before: ArchiveRooms.end))
    #expect(report.messages == 72)
    #expect(try await rooms.count("SELECT count(*) FROM message") == 0)
    #expect(try await rooms.ids() == before)
    #expect(try await archiver.verify(.all, deep: true).damaged == 0)
    await application.close()
  }

  @Test("The end of the window is the next one of its kind")
  func window() {
    let noon = Timestamp(civil: 2025, 3, 1).adding(seconds: 12 * 3_600)
    #expect(
      ArchivingLimits.next(minute: 300, after: noon) == Timestamp(civil: 2025, 3, 2).adding(seconds: 18_000))
    #expect(
      ArchivingLimits.next(minute: 780, after: noon) == Timestamp(civil: 2025, 3, 1).adding(seconds: 46_800))
    #expect(ArchivingLimits.next(minute: 720, after: noon) == noon.adding(seconds: 86_400))
  }
}
