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
import Testing
import Tiering

@Suite("Checking the archive")
struct ArchiveScrubTests {
  private let rooms: ArchiveRooms
  private var application: Application { rooms.application }
  private var tenant: Tenant { rooms.tenant }

  init() async throws { rooms = try await ArchiveRooms() }

  @Test("Damage is named with segment, block, conversation and how many messages it holds")
  func damage() async throws {
    #expect(try await rooms.archive().messages == 12)
    let row = try await rooms.rows()[0]
    let block = try await rooms.blocks(of: row.id)[1]
    try rooms.damage(block, of: row.id)
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
    #expect(try await rooms.archive().messages == 12)
    #expect(try await application.scrubbing().checkedSegments == 1)
    _ = try await rooms.count(
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
    #expect(try await rooms.archive().messages == 12)
    let segment = try await rooms.rows()[0]
    let blocks = try await rooms.blocks(of: segment.id)
    try rooms.damage(blocks[2], of: segment.id)
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
    #expect(try await rooms.count("SELECT count(*) FROM segment WHERE verified_at IS NOT NULL") == 0)
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
}
