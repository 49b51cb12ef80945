import Catalog
import Foundation
import History
import JobQueue
import Model
import Postgres
import Runtime
import Segments
import TestSupport
import Testing
import Tiering

@Suite("The archive beside other runs")
struct ArchiveFencingTests {
  private let rooms: CoverageHouse
  private let tenant: Tenant
  private static let january = Period(containing: Timestamp(civil: 2024, 1, 2))

  private var application: Application { rooms.house.application }
  private var segments: String { application.settings.home + "/segments" }

  /// Two conversations with three messages each in January 2024.
  init() async throws {
    rooms = try await CoverageHouse()
    tenant = try await rooms.house.application.tenant("acme")
    try await rooms.join("kim", ["a", "b"])
    try await rooms.store(
      ["a", "b"].flatMap { name in
        [2, 5, 9].map { day in
          CoverageHouse.message(
            "\(name)-\(day)",
            .init(conversation: name, at: Timestamp(civil: 2024, 1, day), kind: TokenKind(.plain)))
        }
      })
  }

  private func archive(_ lease: Lease? = nil) async throws -> Archiver.Report {
    let archiver = application.archiver(tenant, lease: lease)
    return try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 2, 1)))
  }

  private func count(_ sql: String) async throws -> Int64 {
    try await application.database.transaction { tx in try tx.execute(sql).int64(0, 0) }
  }

  private func rows() async throws -> [SegmentRow] {
    let tenant = tenant.id
    return try await application.database.read { tx in try Archive.segments(tenant: tenant, in: tx) }
  }

  private func objects() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: segments).filter { $0.hasSuffix(".mseg") }.sorted()
  }

  private func places() async throws -> [MessagePlace] {
    let tenant = tenant.id
    return try await application.database.read { tx in
      try Locators.scan(tenant: tenant, states: [.live], after: nil, limit: 100, in: tx).map(\.place)
    }
  }

  /// Another process has the lease from now on. Who held it finds out with its next renewal, too.
  private static func takeOver(_ application: Application) async throws {
    try await application.database.transaction { tx in
      try tx.execute("UPDATE lease SET fencing = fencing + 1 WHERE name = 'archive'")
    }
  }

  @Test("A run that lost its lease neither switches nor sweeps: the hot rows stay")
  func lost() async throws {
    let application = application
    let tenant = tenant
    try await application.holding("archive", seconds: 3_600) { lease in
      let archiver = application.archiver(tenant, lease: lease)
      let plan = try await archiver.plan(before: Timestamp(civil: 2024, 2, 1))
      try await Self.takeOver(application)
      await #expect(throws: LeaseLost.self) { try await archiver.run(plan) }
      await #expect(throws: LeaseLost.self) { try await archiver.sweep() }
    }
    #expect(try await count("SELECT count(*) FROM message") == 6)
    #expect(try await count("SELECT count(*) FROM segment") == 0)
    await application.close()
  }

  @Test("A lease that changes hands between the sealing and the switch keeps the switch from being made")
  func between() async throws {
    let (application, tenant) = (application, tenant)
    let hooked = HookedStore(try FileSegmentStore(directory: segments))
    try await application.holding("archive", seconds: 3_600) { lease in
      let archiver = Self.archiver(application, tenant, hooked, lease)
      let plan = try await archiver.plan(before: Timestamp(civil: 2024, 2, 1))
      // Published, and read back for the comparison with the hot rows.
      hooked.onRead = { try await Self.takeOver(application) }
      await #expect(throws: LeaseLost.self) { try await archiver.run(plan) }
    }
    #expect(try objects().count == 1)
    #expect(try await count("SELECT count(*) FROM message") == 6)
    #expect(try await count("SELECT count(*) FROM segment") == 0)
    #expect(try await archive().messages == 6)
    #expect(try objects().count == 1, "the other one was swept")
    await application.close()
  }

  private static func archiver(
    _ application: Application, _ tenant: Tenant, _ store: any SegmentStore, _ lease: Lease? = nil
  ) -> Archiver {
    let history = HistoryReader(
      database: application.database, vault: application.vault,
      archive: ArchiveReader(store: store, vault: application.vault, database: application.database))
    return Archiver(
      tenant: tenant, database: application.database, vault: application.vault, history: history,
      audit: application.audit,
      settings: .init(
        scratch: application.settings.home + "/scratch", groups: application.settings.indexGroups),
      lease: lease, now: Application.clock)
  }

  @Test("Whoever cannot renew a lease in time is cancelled, and told so")
  func renewal() async throws {
    let application = application
    let error = await #expect(throws: LeaseLost.self) {
      try await application.holding("archive", seconds: 2) { _ in
        try await Self.takeOver(application)
        try await Task.sleep(for: .seconds(600))
      }
    }
    #expect(error?.name == "archive")
    await application.close()
  }

  @Test("A partition with rows of others is not locked while one's own rows are deleted from it")
  func coverage() async throws {
    let (application, tenant) = (application, tenant.id)
    let card = try #require(try await rooms.house.directory.conversation("a"))
    let covered = HotCoverage(
      tenant: tenant, from: Self.january.start, until: Self.january.end,
      places: [(card.route, card.conversation, .max)])
    let (removed, locks) = try await application.database.transaction { tx in
      let removed = try covered.removeHot(period: Self.january, dropping: true, in: tx)
      let locks = try tx.execute(
        """
        SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessExclusiveLock' AND c.relname LIKE 'message%'
        """)
      return (removed, locks.int64(0, 0))
    }
    #expect(removed == 3 && locks == 0)
    await application.close()
  }

  @Test("What a compaction replaces while it is verified is no damage")
  func verifying() async throws {
    #expect(try await archive().messages == 6)
    let (application, row) = (application, try #require(try await rows().first))
    let inner = try FileSegmentStore(directory: segments)
    let hooked = HookedStore(inner)
    hooked.onRead = {
      try await application.database.transaction { tx in
        try Archive.supersede(row.id, at: Application.clock(), in: tx)
      }
      try await inner.delete(SegmentName.object(row.id))
    }
    let found = try await Self.archiver(application, tenant, hooked).verify(.all, deep: false)
    #expect(found.damaged == 0 && found.findings.isEmpty && found.segments == 0 && found.segmentsTotal == 0)
    await application.close()
  }

  @Test("Readers find every message while its segment comes back and is archived again")
  func restoring() async throws {
    let application = application
    let places = try await places()
    let card = try #require(try await rooms.house.directory.conversation("a"))
    let span = HistoryReader.Span(conversation: card.conversation, route: card.route, tenant: tenant.id)
    #expect(places.count == 6)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        while !Task.isCancelled {
          let page = try await application.history.page(span, limit: 100)
          let placed = try await application.history.messages(places)
          #expect(page.count == 3 && placed.count == 6)
        }
      }
      for _ in 0..<8 {
        _ = try await archive()
        for row in try await rows() { _ = try await application.archiver(tenant).restore(row.id) }
      }
      tasks.cancelAll()
      do { try await tasks.waitForAll() } catch is CancellationError {}
    }
    #expect(try await count("SELECT count(*) FROM message") == 6)
    await application.close()
  }

  @Test("A restore leaves out what was deleted since its messages were read")
  func deleted() async throws {
    #expect(try await archive().messages == 6)
    let (application, tenant) = (application, tenant.id)
    let row = try #require(try await rows().first)
    let now = Application.clock()
    let block = try #require(
      try await application.database.read { tx in try Archive.blocks(segment: row.id, in: tx).first })
    let messages = try await application.history.archive.messages(block)
    let returned = try await application.database.transaction { tx in
      try Partitions.ensure([Self.january], in: tx)
      _ = try Deletions.delete([messages[0].key], for: .retention, tenant: tenant, at: now, in: tx)
      return try Messages.restore(
        messages.map {
          HotMessage(
            key: $0.key, position: $0.position, conversation: $0.conversation, sender: $0.sender, sealed: [1])
        }, route: block.route, tenant: tenant, in: tx)
    }
    #expect(messages.count == 3 && returned == 2)
    let dry = try await application.archiver(self.tenant).restore(row.id, dryRun: true)
    #expect(dry.messages == 5 && dry.missing == 1)
    #expect(try await rows().map(\.id) == [row.id], "nothing is changed by a dry run")
    await application.close()
  }

  @Test("By a database of before the last run nothing is deleted, until somebody accepts it")
  func olderCatalogue() async throws {
    #expect(try await archive().messages == 6)
    let archiver = application.archiver(tenant, actor: "kim")
    #expect(try await archiver.maySweep())
    let kept = try objects()
    // As a backup from before the run would be.
    try await application.database.transaction { tx in
      try tx.execute("DELETE FROM segment_block")
      try tx.execute("DELETE FROM segment")
      try tx.execute("UPDATE archive_head SET number = number - 1")
    }
    for _ in 0..<2 {
      let error = await #expect(throws: TieringError.self) { try await archiver.sweep() }
      #expect(error?.code == .catalogueOlder)
      #expect(try objects() == kept)
      // What is changed on top of the older catalogue does not make it the newest.
      try await application.database.transaction { tx in
        _ = try ArchiveHead.advance(forking: true, in: tx)
      }
    }
    #expect(try await archiver.acceptCatalogue(reason: "restored", dryRun: true))
    #expect(try await !archiver.maySweep())
    #expect(try await archiver.acceptCatalogue(reason: "restored", dryRun: false))
    #expect(try await !archiver.acceptCatalogue(reason: "again", dryRun: false))
    #expect(try await archiver.maySweep())
    try await archiver.sweep()
    #expect(try objects().isEmpty)
    #expect(
      try await count("SELECT count(*) FROM audit_entry WHERE action = 'archive.catalogue_accepted'") == 1)
    await application.close()
  }
}
