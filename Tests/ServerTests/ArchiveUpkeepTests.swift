import Catalog
import Foundation
import History
import JobQueue
import Model
import Postgres
import Runtime
import Search
import Segments
import Server
import Synchronization
import TestSupport
import Testing
import Tiering

@Suite("Looking after the archive")
struct ArchiveUpkeepTests {
  private let rooms: CoverageHouse
  private let tenant: Tenant
  private static let names = ["a", "b", "c", "d"]
  private static let end = Timestamp(civil: 2024, 2, 1)

  private var application: Application { rooms.house.application }
  private var segments: String { application.settings.home + "/segments" }

  /// Four conversations with three messages each in January 2024.
  init() async throws {
    rooms = try await CoverageHouse()
    tenant = try await rooms.house.application.tenant("acme")
    try await rooms.join("kim", Self.names)
    try await write("first", days: [2, 5, 9])
  }

  private func write(_ prefix: String, days: [Int]) async throws {
    try await rooms.store(
      Self.names.flatMap { name in
        days.map { day in
          CoverageHouse.message(
            "\(prefix)-\(name)-\(day)",
            .init(conversation: name, at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
        }
      })
  }

  private func archive(_ pace: Pace = Pace()) async throws -> Archiver.Report {
    let archiver = application.archiver(tenant, pace: pace)
    return try await archiver.run(try await archiver.plan(before: Self.end))
  }

  private func count(_ sql: String) async throws -> Int64 {
    try await application.database.transaction { tx in try tx.execute(sql).int64(0, 0) }
  }

  private func ids() async throws -> [[String]] {
    let reader = Reader.member(try #require(try await rooms.house.directory.subject("kim")))
    var ids: [[String]] = []
    for name in Self.names {
      let page = try await application.conversationHistory(rooms.house.directory)
        .page(name, reader: reader, anchor: .newest, limit: 100)
      ids.append(page.messages.map(\.messageID))
    }
    return ids
  }

  /// Settings of another home that names the same directory for its segments.
  private func neighbour() async throws -> Settings {
    let database = try await TestDatabase.make()
    return try Settings(
      home: try TestDatabase.temporaryHome(),
      environment: [
        "MUNIMENT_DATABASE_URL": database.conninfo, "MUNIMENT_OBJECT_STORE": "file:" + segments,
      ])
  }

  @Test("A second home with the same directory is refused, and the first loses nothing")
  func secondHome() async throws {
    #expect(try await archive().messages == 12)
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
    #expect(try await archive().messages == 12)
    try FileManager.default.removeItem(atPath: segments + "/owner")
    let other = try await neighbour()
    let error = await #expect(throws: SettingsError.self) {
      try await Application.open(other, creating: true)
    }
    #expect(error?.description.contains("does not know") == true)
    #expect(!FileManager.default.fileExists(atPath: segments + "/owner"))
    let again = try await Application.open(application.settings)
    #expect(FileManager.default.fileExists(atPath: segments + "/owner"))
    await again.close()
    await application.close()
  }

  @Test("What killed runs leave is named with its size, and the next run removes it")
  func orphans() async throws {
    #expect(try await archive().messages == 12)
    let archiver = application.archiver(tenant)
    #expect(try await archiver.orphans().isEmpty)
    let scratch = application.settings.home + "/scratch"
    let stray = String(repeating: "0a", count: 16) + ".mseg"
    let left = [
      segments + "/" + stray: 3, segments + "/" + stray + ".1.part": 4, scratch + "/dead.sealing": 5,
    ]
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    for (path, size) in left { try Data(count: size).write(to: URL(fileURLWithPath: path)) }
    let found = try await archiver.orphans()
    #expect(
      Set(found.map { "\($0.kind.rawValue) \($0.name) \($0.bytes)" }) == [
        "object \(stray) 3", "upload \(stray).1.part 4", "scratch dead.sealing 5",
      ])
    #expect(found.allSatisfy { $0.modifiedAt != nil })
    #expect(try await archive().messages == 0)
    #expect(try await archiver.orphans().isEmpty)
    #expect(try await archiver.verify(.all, deep: true).segments == 1)
    await application.close()
  }

  @Test("A run whose time is up ends between conversations, and the next one takes the rest")
  func until() async throws {
    let before = try await ids()
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
    let report = try await archiver.run(try await archiver.plan(before: Self.end))
    #expect(report.isStopped && report.messages > 0 && report.messages < 12 && report.messages % 3 == 0)
    #expect(try await count("SELECT count(*) FROM message") == Int64(12 - report.messages))
    #expect(try await ids() == before)
    #expect(try await archive(Pace(until: Timestamp(seconds: 1))).isStopped)
    let rest = try await archive()
    #expect(!rest.isStopped && rest.messages == 12 - report.messages)
    #expect(try await ids() == before)
    await application.close()
  }

  @Test("Compaction merges what late arrivals split, in order and each message once")
  func merging() async throws {
    #expect(try await archive().messages == 12)
    try await write("late", days: [1, 5, 7, 12])
    let before = try await ids()
    #expect(before.allSatisfy { $0.count == 7 })
    #expect(try await archive().messages == 16)
    let done = try await application.archiver(tenant).compact(dryRun: false)
    #expect(done.rewritten == 2 && done.segments == 1 && done.dropped == 0 && !done.isStopped)
    #expect(try await ids() == before)
    #expect(
      try await count("SELECT sum(message_count)::bigint FROM segment WHERE superseded_at IS NULL") == 28)
    #expect(try await application.archiver(tenant).verify(.all, deep: true).damaged == 0)
    #expect(try await application.archiver(tenant).compact(dryRun: true).rewritten == 0)
    await application.close()
  }

  @Test("Compaction opens again only what something died in, and nightly merges wait for company")
  func upkeep() async throws {
    #expect(try await archive().messages == 12)
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
    try await write("late", days: [1, 5])
    #expect(try await archive().segments == 1)
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

  private func rows() async throws -> [SegmentRow] {
    try await application.database.read { tx in try Archive.segments(tenant: nil, in: tx) }
  }

  @Test("Of a month that is larger than a segment, the small ones are merged")
  func small() async throws {
    #expect(try await archive().messages == 12)
    let large = try #require(try await rows().first)
    for day in [3, 4] {
      try await rooms.store([
        CoverageHouse.message(
          "late-\(day)",
          .init(conversation: "a", at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
      ])
      #expect(try await archive().messages == 1)
    }
    let before = try await ids()
    let bytes = try await rows().filter { $0.id != large.id }.map(\.bytes)
    let target = max(large.bytes, 2 * (bytes.max() ?? 0) + 2)
    let archiver = archiver { $0.segmentBytesTarget = target }
    let done = try await archiver.compact(dryRun: false)
    #expect(done.rewritten == 2 && done.segments == 1 && done.damaged.isEmpty)
    #expect(try await rows().count == 2)
    #expect(try await rows().contains { $0.id == large.id })
    #expect(try await ids() == before)
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
    let january = Period(containing: Self.end.adding(seconds: -1))
    let damaged = try #require(try await rows().first { $0.period == january })
    let block = try #require(
      try await application.database.read { tx in try Archive.blocks(segment: damaged.id, in: tx).last })
    let path = URL(fileURLWithPath: segments + "/" + SegmentName.object(damaged.id))
    var bytes = try Data(contentsOf: path)
    bytes[Int(block.offset) + 10] ^= 1
    try bytes.write(to: path)
    let done = try await archiver.compact(dryRun: false)
    #expect(done.damaged == [damaged.period])
    #expect(done.rewritten == 1 && done.dropped == 1)
    #expect(try await rows().contains { $0.id == damaged.id })
    await application.close()
  }

  @Test(
    "Hot messages are read as many at a time as fit, and none is left out or doubled",
    arguments: [1, 400, 2_500, 5_000])
  func visits(bytes: Int) async throws {
    try await write("more", days: Array(10...24))
    let before = try await ids()
    let archiver = archiver { $0.visitBytesMax = bytes }
    let report = try await archiver.run(try await archiver.plan(before: Self.end))
    #expect(report.messages == 72)
    #expect(try await count("SELECT count(*) FROM message") == 0)
    #expect(try await ids() == before)
    #expect(try await archiver.verify(.all, deep: true).damaged == 0)
    await application.close()
  }

  @Test("Damage is named with segment, block, conversation and how many messages it holds")
  func damage() async throws {
    #expect(try await archive().messages == 12)
    let row = try await application.database.transaction { tx in try Archive.segments(tenant: nil, in: tx) }[
      0]
    let block = try await application.database.transaction { tx in try Archive.blocks(segment: row.id, in: tx)
    }[1]
    let path = segments + "/" + SegmentName.object(row.id)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[Int(block.offset) + 10] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    let found = try await application.archiver(tenant).verify(.all, deep: false)
    #expect(found.damaged == 1 && found.affected == 3)
    let finding = try #require(found.findings.first { $0.block != nil })
    #expect(finding.segment == row.id && finding.block == block.ordinal)
    #expect(finding.conversation == block.conversation && finding.messages == 3)
    #expect(finding.description.contains("3 messages"))
    await application.close()
  }

  @Test("A night checks what is due, says how far it came, and a scrub that is behind is a problem")
  func scrub() async throws {
    #expect(try await archive().messages == 12)
    #expect(try await application.scrubbing().checkedSegments == 1)
    _ = try await count(
      "WITH u AS (UPDATE segment SET sealed_at = sealed_at - interval '40 days' RETURNING 1) SELECT count(*) FROM u"
    )
    let behind = try await application.scrubbing()
    #expect(behind.segments == 1 && behind.checkedSegments == 0)
    #expect(try await application.problems().map(\.code) == ["scrub_behind"])
    #expect(try await application.run(.nightly, actor: "test").state == "completed")
    #expect(try await application.scrubbing().checkedSegments == 1)
    #expect(try await application.problems().isEmpty)
    await application.close()
  }

  @Test("A sample is the same for the same seed, and as large as asked")
  func sample() {
    let ids = (0..<200).map { "segment \($0)" }
    let once = Archiver.sample(ids, share: 0.05, seed: 7)
    #expect(once.count == 10 && once == Archiver.sample(ids.reversed(), share: 0.05, seed: 7))
    #expect(once != Archiver.sample(ids, share: 0.05, seed: 8))
    #expect(Archiver.sample(["one"], share: 0.001, seed: 1) == ["one"])
    #expect(
      Archiver.sample(ids, share: 1, seed: 1).count == 200 && Archiver.sample([], share: 1, seed: 1) == [])
  }

  @Test("A sample is of blocks: the damaged one is found when it is in it, and no segment counts as checked")
  func sampledBlocks() async throws {
    #expect(try await archive().messages == 12)
    let segment = try await application.database.transaction { tx in
      try Archive.segments(tenant: nil, in: tx)
    }[0]
    let blocks = try await application.database.transaction { tx in
      try Archive.blocks(segment: segment.id, in: tx)
    }
    let path = segments + "/" + SegmentName.object(segment.id)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[Int(blocks[2].offset) + 10] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    let archiver = application.archiver(tenant)
    var found: Set<Int32?> = []
    for seed in 0..<40 as Range<UInt64> {
      let part = try await archiver.verify(.sample(share: 0.5, seed: seed), deep: true)
      #expect(part.segments == 1 && part.blocks == 2 && part.blocksTotal == blocks.count)
      #expect(part.bytes < segment.bytes && part.bytesTotal == segment.bytes)
      #expect(part.findings.count == part.damaged)
      found.formUnion(part.findings.map(\.block))
    }
    #expect(found == [2])
    let one = try await archiver.verify(.sample(share: 0.001, seed: 1), deep: false)
    #expect(one.blocks == 1 && one.bytes > 0)
    #expect(try await count("SELECT count(*) FROM segment WHERE verified_at IS NOT NULL") == 0)
    await application.close()
  }

  @Test("Nights of a scrub come by every segment within the days it has, also after nights were missed")
  func nights() {
    var checked: [String: Timestamp] = [:]
    var now = Timestamp(civil: 2025, 1, 1)
    for number in 0..<95 { checked["s\(number)"] = now }
    func night(expecting share: ClosedRange<Int>) {
      let ages = checked.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map {
        (id: $0.key, checkedAt: $0.value)
      }
      let due = Archiver.due(ages, days: 10, at: now)
      #expect(share.contains(due.count), "\(due.count)")
      for id in due { checked[id] = now }
    }
    for _ in 0..<30 {
      now = now.adding(seconds: 86_400)
      night(expecting: 10...10)
      #expect(checked.values.allSatisfy { now < $0.adding(seconds: 11 * 86_400) })
    }
    now = now.adding(seconds: 5 * 86_400)
    night(expecting: 40...60)
    #expect(checked.values.allSatisfy { now < $0.adding(seconds: 10 * 86_400) })
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
