import Catalog
import Dispatch
import History
import KeyVault
import Model
import Postgres
import Retention
import Testing

@testable import Retention

@Suite("Months and their keys")
struct PeriodTests {
  private static let january = Period(containing: RetentionHouse.start)

  /// One way a month keeps its key without a message.
  struct Leftover: Sendable, CustomTestStringConvertible {
    let need: ExpiredPeriods.Need
    let leave: @Sendable (RetentionHouse) async throws -> Void
    /// Takes it away again.
    let mend: String
    var testDescription: String { need.rawValue }
  }

  private func key(_ house: RetentionHouse, of period: Period = PeriodTests.january) -> KeyOwner {
    .period(house.tenant, 0, period)
  }

  @Test func aMonthOfWhichNothingIsLeftLosesItsKey() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      house.advance(days: 31)
      try await house.send(["february", "edited"])
      house.advance(days: 31)
      try await house.send(["march"])
      // An edit of March to a message of February that stays is sealed under March's key.
      try await house.edit("edited", at: house.now)
      house.advance(days: 60)
      let service = house.retention()
      try await house.set(.entry("default", delete: "30d"), .entry("keep", .subject("nobody"), retain: "1y"))
      _ = try await house.holds.place(
        HoldRequest(
          matter: "M", from: RetentionHouse.start.adding(seconds: 31 * 86_400),
          to: RetentionHouse.start.adding(seconds: 32 * 86_400), reason: "R"), actor: "law")
      let run = try await service.apply(actor: "job")
      #expect((run.deleted, run.held) == (2, 2))
      #expect(run.expiredPeriods.map(\.description) == ["2024-01"])
      #expect(run.keptPeriods == [Period(rawValue: Self.january.rawValue + 2): .change])
      #expect(run.problem == nil)
      #expect(try await service.explain("january")?.readable == false)
      #expect(try await service.explain("edited")?.readable == true)
      #expect(try await house.count(audited: "retention.period_ended") == 1)
      let destroyed = try await house.vault.destructions(of: [key(house)])
      #expect(destroyed.map(\.reason) == ["retention"])
      #expect(try await house.vault.status().pending.map(\.owner) == [key(house)])
    }
  }

  @Test("Its last message may have gone in any way, and a month that is not over keeps its key")
  func anyWay() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["gone"])
      try await house.deleteByMember("gone")
      #expect(try await house.retention().apply(actor: "job").expiredPeriods.isEmpty)
      house.advance(days: 31)
      #expect(try await house.retention().apply(dryRun: true, actor: "job").expiredPeriods.isEmpty)
      #expect(try await house.retention().apply(actor: "job").expiredPeriods == [Self.january])
      #expect(try await house.retention().apply(actor: "job").expiredPeriods.isEmpty)
    }
  }

  @Test("What a run that was killed before it came to the keys left, the next one does")
  func killed() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      try await house.set(.entry("default", delete: "30d"))
      house.advance(days: 60)
      let killed = try await house.retention(endsPeriods: false).apply(actor: "job")
      #expect((killed.deleted, killed.expiredPeriods) == (1, []))
      let next = try await house.retention().apply(actor: "job")
      #expect((next.deleted, next.expiredPeriods) == (0, [Self.january]))
    }
  }

  @Test(
    "Anything else that is sealed under its key keeps it, and the run says what",
    arguments: [
      Leftover(
        need: .waiting,
        leave: { house in
          let (tenant, now) = (house.tenant, RetentionHouse.start)
          try await house.database.transaction { tx in
            let row = AmendmentRow(
              key: MessageKey(high: 1, low: 2), kind: .reaction, author: SubjectID(rawValue: 3), version: 4,
              at: now, route: RouteKey(rawValue: 1), conversation: ConversationID(rawValue: 5), sealed: [6])
            _ = try Amendments.wait(row, tenant: tenant, in: tx)
          }
        }, mend: "DELETE FROM pending_change"),
      Leftover(
        need: .change,
        leave: { house in
          // Of a message that is gone: the guard takes edits along, so that this is a mistake somewhere.
          try await house.edit("january", at: RetentionHouse.start)
          _ = try await house.count(
            """
            WITH gone AS (UPDATE message_locator SET state = 3 RETURNING 1), hot AS (DELETE FROM message)
            SELECT count(*) FROM gone
            """)
        }, mend: "DELETE FROM amendment"),
      Leftover(
        need: .row,
        leave: { house in
          _ = try await house.count(
            "WITH gone AS (UPDATE message_locator SET state = 3 RETURNING 1) SELECT count(*) FROM gone")
        }, mend: "DELETE FROM message"),
    ])
  func leftovers(leftover: Leftover) async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      try await house.set(.entry("default", delete: "30d"))
      try await leftover.leave(house)
      house.advance(days: 60)
      let run = try await house.retention().apply(actor: "job")
      #expect(run.keptPeriods == [Self.january: leftover.need] && run.expiredPeriods.isEmpty)
      #expect((run.problem != nil) == (leftover.need == .row))
      #expect(try await house.vault.keys([key(house)], creating: false).count == 1)
      try await house.database.transaction { tx in try tx.executeScript(leftover.mend) }
      let next = try await house.retention().apply(actor: "job")
      #expect(next.expiredPeriods == [Self.january] && next.keptPeriods.isEmpty && next.problem == nil)
    }
  }

  @Test("A message that comes after its month has ended is sealed under a new key, which ends as well")
  func late() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      try await house.set(.entry("default", delete: "30d"))
      house.advance(days: 60)
      #expect(try await house.retention().apply(actor: "job").expiredPeriods == [Self.january])
      try await house.send(["late"], at: RetentionHouse.start)
      #expect(try await house.retention().explain("late")?.readable == true)
      let again = try await house.retention().apply(actor: "job")
      #expect((again.deleted, again.expiredPeriods) == (1, [Self.january]))
      #expect(try await house.vault.keys([key(house)], creating: false).isEmpty)
      #expect(try await house.vault.destructions(of: [key(house)]).count == 2)
    }
  }

  @Test("The partition of a month that is over goes when nobody has a row in it, once vacuum has been there")
  func partitions() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      house.advance(days: 31)
      try await house.send(["february"])
      house.advance(days: 31)
      try await house.set(.entry("default", delete: "40d"))
      #expect(try await house.retention().apply(actor: "job").deleted == 1)
      let february = Period(rawValue: Self.january.rawValue + 1)
      #expect(try await partitions(house) == [Self.january, february])
      for period in [Self.january, february] {
        try await house.database.executeAlone("VACUUM message_\(period.identifier)")
      }
      _ = try await house.retention().apply(actor: "job")
      #expect(try await partitions(house) == [Self.january, february], "that is no tenant's own")
      try await RetentionService.dropPartitions(in: house.database, at: house.now)
      #expect(try await partitions(house) == [february])
      try await house.send(["late"], at: RetentionHouse.start)
      #expect(try await partitions(house) == [Self.january, february])
    }
  }

  private func partitions(_ house: RetentionHouse) async throws -> [Period] {
    try await house.database.read { tx in try Partitions.list(in: tx).sorted() }
  }

  /// Whoever stores under a key says so (`alive`); the end of a month waits for them, sees the message and gives up.
  @Test func aLateMessageStopsTheEndOfItsMonth() async throws {
    try await RetentionHouse.with { house in
      let keys = try await house.send(["january"])
      house.advance(days: 60)
      try await house.set(.entry("default", delete: "30d"))
      let (vault, period) = (house.vault, key(house))
      _ = try await vault.keys([period], creating: false)
      let (opened, open) = AsyncStream<Void>.makeStream()
      let gate = DispatchSemaphore(value: 0)
      async let late: Bool = house.database.transaction { tx in
        let isAlive = try vault.alive([period], in: tx)
        open.yield()
        gate.wait()
        try tx.execute(
          """
          INSERT INTO message_locator SELECT route_key, message_low + 1, tenant_id, conversation_route,
            conversation_id, sender_id, created_at, sequence + 1, digest, 1 FROM message_locator
          WHERE route_key = $1
          """, [.int8(keys[0].high)])
        return isAlive
      }
      for await _ in opened { break }
      async let run = house.retention().apply(actor: "job")
      try await house.waitUntilSomebodyWaits()
      gate.signal()
      #expect(try await late)
      let result = try await run
      #expect((result.deleted, result.expiredPeriods) == (1, []))
      #expect(try await vault.keys([period], creating: false).count == 1)
      #expect(try await house.count("SELECT count(*) FROM key_destruction") == 0)
    }
  }

  @Test("The end of a month waits for a switch under its key, and takes the new segment along")
  func switching() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["january"])
      try await house.set(.entry("default", delete: "30d"))
      house.advance(days: 60)
      #expect(try await house.retention(endsPeriods: false).apply(actor: "job").deleted == 1)
      let (vault, tenant, now) = (house.vault, house.tenant, house.now)
      let held = try #require(try await vault.key(of: key(house)))
      let segment = SegmentRow(
        id: String(repeating: "0a", count: 16), tenant: tenant, retentionClass: 0, period: Self.january,
        messages: 1, bytes: 1, hash: [1], sealedAt: now)
      let (opened, open) = AsyncStream<Void>.makeStream()
      let gate = DispatchSemaphore(value: 0)
      async let switched: Bool = house.database.transaction { tx in
        let isAlive = try vault.alive(held, in: tx)
        open.yield()
        gate.wait()
        try Archive.insert(segment, blocks: [], in: tx)
        return isAlive
      }
      for await _ in opened { break }
      async let run = house.retention().apply(actor: "job")
      try await house.waitUntilSomebodyWaits()
      gate.signal()
      #expect(try await switched)
      let result = try await run
      #expect((result.expiredPeriods, result.supersededSegments) == ([Self.january], 1))
      #expect(try await house.count("SELECT count(*) FROM segment WHERE superseded_at IS NULL") == 0)
      #expect(try await !house.database.transaction { tx in try vault.alive(held, in: tx) })
    }
  }
}
