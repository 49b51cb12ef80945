import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres
import Retention
import Runtime
import Segments
import TestSupport
import Testing
import Tiering

/// Two messages of January that are due, and a month that ends by a process of its own: the archive trusts the keys it
/// has read.
@Suite("Months that end while the archive is at them")
struct PeriodEndTests {
  private static let january = Period(containing: ErasureHouse.start)
  private static let february = Period(rawValue: january.rawValue + 1)
  private static let live = "SELECT count(*) FROM segment WHERE superseded_at IS NULL"

  private static func with(_ body: (ErasureHouse) async throws -> Void) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.message("m1", "ann", "first words"), Events.message("m2", "ann", "second words", day: 3),
      ])
      try await house.set(.init(name: "month", deleteAfter: RetentionLength("30d")))
      house.advance(days: 60)
      try await body(house)
    }
  }

  private static func key(_ house: ErasureHouse, of period: Period = PeriodEndTests.january) -> KeyOwner {
    .period(house.tenant.id, 0, period)
  }

  /// As in another process, which has its keys for an hour, or asks for them every time.
  private static func archiver(_ house: ErasureHouse, trusting: Bool = true) throws -> (
    archiver: Archiver, store: HookedStore
  ) {
    let (application, database) = (house.application, house.database)
    let vault = try KeyVault(
      directory: house.home + "/keys", database: database, trust: trusting ? .seconds(3_600) : .zero)
    let store = HookedStore(try FileSegmentStore(directory: house.home + "/segments"))
    let history = HistoryReader(
      database: database, vault: vault,
      archive: ArchiveReader(store: store, vault: vault, database: database))
    let archiver = Archiver(
      tenant: house.tenant, database: database, vault: vault, history: history, audit: application.audit,
      settings: .init(scratch: house.home + "/scratch", groups: 2), now: Application.clock)
    return (archiver, store)
  }

  private static func end(_ house: ErasureHouse) async throws {
    #expect(try await house.retention.apply(actor: "job").expiredPeriods == [january])
  }

  /// That a segment which came too late is a leftover, and goes with the next sweep.
  private func expectSwept(_ house: ErasureHouse) async throws {
    let archiver = house.application.archiver(house.tenant)
    #expect(try await archiver.orphans().count == 1)
    try await archiver.sweep()
    #expect(try await archiver.orphans().isEmpty)
    #expect(try await archiver.verify(.all, deep: true).damaged == 0)
  }

  @Test(
    "What is sealed of it is not switched in, whether it can be read back or not", arguments: [true, false])
  func sealing(trusting: Bool) async throws {
    try await Self.with { house in
      let (archiver, store) = try Self.archiver(house, trusting: trusting)
      let plan = try await archiver.plan(before: house.realNow)
      #expect(plan.messages == 2)
      // Published, and read back for the comparison with the hot rows.
      store.onRead = { try await Self.end(house) }
      let report = try await archiver.run(plan)
      #expect((report.ended, report.segments, report.messages) == ([Self.january], 0, 0))
      #expect(try await house.count("SELECT count(*) FROM segment") == 0)
      #expect(try await house.count("SELECT count(*) FROM message") == 0)
      #expect(try await house.states(["m1", "m2"]) == [.expired, .expired])
      try await expectSwept(house)
    }
  }

  @Test("A month that has ended before its turn comes is passed over")
  func before() async throws {
    try await Self.with { house in
      let archiver = house.application.archiver(house.tenant)
      let plan = try await archiver.plan(before: house.realNow)
      try await Self.end(house)
      #expect(try await archiver.run(plan).ended == [Self.january])
    }
  }

  enum Work: String, CaseIterable { case dropping, folding, merging }

  @Test("What a compaction makes of it is not switched in", arguments: Work.allCases)
  func compaction(work: Work) async throws {
    try await Self.with { house in
      switch work {
      case .dropping:
        try await house.archive()
        try await house.deliver([Events.delete("m1", "ann", day: 4)])
      case .folding:
        try await house.deliver([Events.edit("m1", "ann", "other words", day: 4)])
        try await house.archive()
      case .merging:
        try await house.archive(before: ErasureHouse.start.adding(seconds: 2 * ErasureHouse.day))
        try await house.archive()
      }
      let before = try await house.count(Self.live)
      #expect(before == (work == .merging ? 2 : 1))
      let (archiver, store) = try Self.archiver(house)
      store.onPut = { try await Self.end(house) }
      let report = try await archiver.compact(dryRun: false)
      #expect((report.ended, report.rewritten, report.damaged) == ([Self.january], 0, []))
      #expect(try await house.count(Self.live) == 0)
      #expect(try await house.count("SELECT count(*) FROM segment") == before)
      try await expectSwept(house)
    }
  }

  @Test("A message that comes after the end is archived under the new key, and can be read")
  func late() async throws {
    try await Self.with { house in
      let (archiver, store) = try Self.archiver(house)
      let plan = try await archiver.plan(before: house.realNow)
      store.onRead = {
        try await Self.end(house)
        try await house.deliver([Events.message("late", "ann", "late words", day: 5)])
      }
      #expect(try await archiver.run(plan).ended == [Self.january])
      #expect(try await house.count("SELECT count(*) FROM message") == 1)
      try await house.archive()
      #expect(try await house.count(Self.live) == 1)
      #expect(try await house.count("SELECT count(*) FROM message") == 0)
      let tenant = house.tenant.id
      let places = try await house.database.read { tx in
        try Locators.scan(tenant: tenant, states: [.live], after: nil, limit: 10, in: tx).map(\.place)
      }
      let found = try await house.application.history.messages(places)
      #expect(found.map(\.original.messageID) == ["late"])
      #expect(try await house.application.archiver(house.tenant).verify(.all, deep: true).damaged == 0)
    }
  }

  private static let told = "SELECT count(*) FROM job_run WHERE problem LIKE "

  /// Two messages of February beside those of January.
  private static func withFebruary(_ body: (ErasureHouse) async throws -> Void) async throws {
    try await with { house in
      try await house.deliver([
        Events.message("f1", "ann", "third words", day: 33),
        Events.message("f2", "ann", "last words", day: 34),
      ])
      try await body(house)
    }
  }

  private static func lose(_ house: ErasureHouse) async throws {
    let lost = try await house.count(
      "WITH gone AS (DELETE FROM wrapped_key WHERE kind = 3 AND id_low = \(january.rawValue) RETURNING 1) "
        + "SELECT count(*) FROM gone")
    #expect(lost == 1)
    house.application.vault.forget([key(house)])
  }

  @Test(
    "A key that is lost is no end: nothing of its month is dropped, and other months are archived",
    arguments: [false, true])
  func lost(isMadeAnew: Bool) async throws {
    try await Self.withFebruary { house in
      let archiver = house.application.archiver(house.tenant)
      try await Self.lose(house)
      if isMadeAnew { try await house.deliver([Events.message("late", "ann", "late words", day: 5)]) }
      let plan = try await archiver.plan(before: house.realNow)
      #expect(try await archiver.lost(of: plan) == (isMadeAnew ? [] : [Self.january]))
      let report = try await archiver.run(plan)
      #expect((report.lost, report.ended, report.messages) == ([Self.january], [], 2))
      #expect(try await house.count(Self.live) == 1)
      #expect(try await house.count("SELECT count(*) FROM message") == (isMadeAnew ? 3 : 2))
      _ = try await house.application.run(.archive, actor: "job")
      #expect(try await house.count(Self.told + "'2024-01 were not archived, %'") == 1)
    }
  }

  @Test("Compaction passes over a month whose key is lost, and names it if there is something to rewrite")
  func lostArchived() async throws {
    try await Self.withFebruary { house in
      try await house.archive()
      let archiver = house.application.archiver(house.tenant)
      try await house.deliver([Events.delete("f1", "ann", day: 35)])
      try await Self.lose(house)
      // A new segment is looked through.
      for dryRun in [true, false] {
        let report = try await archiver.compact(dryRun: dryRun)
        #expect((report.lost, report.damaged, report.ended) == ([Self.january], [], []))
        #expect((report.rewritten, report.dropped) == (1, 1))
      }
      #expect(try await house.count(Self.live) == 2)
      _ = try await house.application.run(.compact, actor: "job")
      #expect(try await house.count(Self.told + "'2024-01 were not compacted, %'") == 1)
    }
  }

  @Test("Compaction asks for no key of a month that it leaves as it is")
  func lostQuiet() async throws {
    try await Self.withFebruary { house in
      try await house.archive()
      let archiver = house.application.archiver(house.tenant)
      #expect(try await archiver.compact(dryRun: false).rewritten == 0)
      try await house.deliver([Events.delete("f1", "ann", day: 35)])
      try await Self.lose(house)
      let report = try await archiver.compact(dryRun: false)
      #expect((report.lost, report.rewritten, report.dropped) == ([], 1, 1))
    }
  }

  @Test(
    "A month that is wholly due loses its key for good, one with a held message when that goes",
    arguments: [false, true])
  func forGood(isArchived: Bool) async throws {
    try await Self.with { house in
      try await house.deliver([
        Events.message("f1", "bob", "held words", day: 33), Events.message("f2", "ann", "due words", day: 34),
      ])
      if isArchived { try await house.archive() }
      let hold = try await house.hold(HoldRequest(matter: "M", custodians: ["bob"], reason: "suit"))
      house.advance(days: 30)
      try await house.database.transaction { tx in
        try tx.executeScript("CREATE TABLE backup AS SELECT * FROM wrapped_key WHERE kind = 3")
      }
      let run = try await house.retention.apply(actor: "job")
      #expect((run.deleted, run.held, run.expiredPeriods) == (3, 1, [Self.january]))
      #expect(run.supersededSegments == (isArchived ? 1 : 0))
      let vault = house.application.vault
      let owners: Set = [Self.key(house), Self.key(house, of: Self.february)]
      #expect(try await Set(vault.keys(owners, creating: false).keys) == [Self.key(house, of: Self.february)])
      let pending = try await vault.status().pending
      #expect(pending.map(\.owner) == [Self.key(house)] && pending.map(\.reason) == ["retention"])

      let rotated = try await vault.rotate(now: house.now, backupWindowSeconds: 0)
      #expect(rotated.destructionsCompleted == 1)
      try await house.database.transaction { tx in
        try tx.executeScript(
          "INSERT INTO wrapped_key SELECT * FROM backup WHERE id_low = \(Self.january.rawValue)")
      }
      let fresh = try KeyVault(directory: house.home + "/keys", database: house.database)
      let error = await #expect(throws: KeyVaultError.self) {
        _ = try await fresh.keys([Self.key(house)], creating: false)
      }
      #expect(error?.code == .keystoreBehind)
      try await house.database.transaction { tx in
        try tx.executeScript("DELETE FROM wrapped_key WHERE kind = 3 AND id_low = \(Self.january.rawValue)")
      }

      try await house.release(hold)
      house.advance(days: 2)
      #expect(try await house.retention.apply(actor: "job").expiredPeriods == [Self.february])
      #expect(try await house.count(Self.live) == 0)
    }
  }

  @Test("In a restored database no month ends before the replay, and those that had ended end again after it")
  func restored() async throws {
    try await Self.with { house in
      let tables = ["key_shard", "message_locator", "message"]
      try await house.database.transaction { tx in
        try tx.executeScript("CREATE TABLE backup_key AS SELECT * FROM wrapped_key WHERE kind = 3")
        for table in tables { try tx.executeScript("CREATE TABLE backup_\(table) AS SELECT * FROM \(table)") }
      }
      try await Self.end(house)
      #expect(try await house.application.rotateKeys(actor: "job").epochsAdded == 1)
      try await house.database.transaction { tx in
        for table in tables {
          try tx.executeScript("DELETE FROM \(table); INSERT INTO \(table) SELECT * FROM backup_\(table)")
        }
        try tx.executeScript("INSERT INTO wrapped_key SELECT * FROM backup_key; DELETE FROM key_destruction")
      }
      let vault = house.application.vault
      vault.forget([Self.key(house)])
      #expect(try await vault.restoredShards().count == 1)
      let waiting = try await house.retention.apply(actor: "job")
      #expect((waiting.deleted, waiting.expiredPeriods) == (2, []))
      #expect(try await house.application.replayErasures(actor: "ops") == 0)
      #expect(try await vault.restoredShards().isEmpty)
      try await Self.end(house)
      #expect(try await vault.status().pending.map(\.owner) == [Self.key(house)])
      #expect(try await house.application.rotateKeys(actor: "job").epochsAdded == 1)
    }
  }
}
