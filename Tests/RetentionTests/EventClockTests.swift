import Catalog
import Governance
import KeyVault
import Model
import Postgres
import Retention
import Testing

@Suite("Events that policies count from")
struct EventClockTests {
  private static let start = RetentionHouse.start

  private func day(_ number: Int64) -> Timestamp { Self.start.adding(seconds: number * RetentionHouse.day) }

  @discardableResult
  private func state(
    _ house: RetentionHouse, _ event: String = "ended", of target: EventTarget = .conversation("deal"),
    at time: Timestamp?
  ) async throws -> EventView {
    try await house.retention().stateEvent(event, of: target, at: time, justification: "j", actor: "law")
  }

  private func verdict(_ house: RetentionHouse, _ message: String) async throws -> Disposition? {
    try await house.retention().explain(message)?.disposition
  }

  @Test("Nothing goes before the event, nor before what was stated has settled, and then what is due goes")
  func ceiling() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["old"], in: "deal")
      try await house.send(["other"], in: "elsewhere")
      try await house.set(.entry("contracts", retain: "10d", delete: "30d", clock: .event("ended")))
      house.advance(days: 400)
      try await house.send(["late"], in: "deal")
      let before = try await service.apply(actor: "job")
      #expect((before.due, before.deleted, before.kept) == (0, 0, 3))
      let waits = try await verdict(house, "old")
      #expect(waits?.verdict == .keep(until: nil) && waits?.decidingRule == .floor)
      // In the past: even a message that was sent after it is due.
      let stated = try await state(house, at: day(100))
      #expect(stated.conversation == "deal" && stated.row.settlesAt == house.now.adding(seconds: 86_400))
      let fresh = try await service.apply(actor: "job")
      #expect((fresh.due, fresh.deleted, fresh.pending) == (0, 0, 2))
      #expect(try await verdict(house, "old")?.decidingRule == .statedLately)
      #expect(try await service.preview().totals.due == 0)
      house.advance(days: 1)
      #expect(try await service.preview().totals.due == 2)
      let why = try await service.explain("late")
      #expect(why?.events == ["ended": day(100)] && why?.disposition?.dueAt == day(130))
      let run = try await service.apply(actor: "job")
      #expect((run.due, run.deleted, run.problem) == (2, 2, nil))
      #expect(try await house.states(["old", "late", "other"]) == [.expired, .expired, .live])
    }
  }

  @Test("A statement is corrected or withdrawn, and every one of them is in the audit log")
  func corrections() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["m"], in: "deal")
      try await house.set(.entry("contracts", delete: "30d", clock: .event("ended")))
      house.advance(days: 100)
      let first = try await state(house, at: day(50))
      let same = try await state(house, at: day(50))
      #expect(same == first)
      try await state(house, at: day(90))
      house.advance(days: 5)
      #expect(try await service.apply(actor: "job").deleted == 0)
      #expect(try await verdict(house, "m")?.verdict == .keep(until: day(120)))
      try await state(house, at: nil)
      house.advance(days: 400)
      #expect(try await service.apply(actor: "job").deleted == 0)
      #expect(try await service.events().isEmpty)
      // Known beforehand: from then on.
      try await state(house, at: house.now.adding(seconds: 20 * RetentionHouse.day))
      house.advance(days: 49)
      #expect(try await service.apply(actor: "job").deleted == 0)
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 1)
      #expect(try await house.count(audited: "event.recorded") == 3)
      #expect(try await house.count(audited: "event.withdrawn") == 1)
    }
  }

  @Test("An event of the author counts for what they wrote; of author and conversation, the later one")
  func author() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["anns"], by: "ann", in: "deal")
      try await house.send(["bens"], by: "ben", in: "deal")
      try await house.set(.entry("staff", delete: "30d", clock: .event("ended")))
      house.advance(days: 100)
      let stated = try await state(house, of: .subject("ann"), at: day(10))
      #expect(stated.subject == "ann" && stated.conversation == nil)
      try await state(house, at: day(95))
      house.advance(days: 20)
      #expect(try await house.retention().apply(actor: "job").deleted == 0)
      #expect(try await verdict(house, "anns")?.dueAt == day(125))
      // The conversation's is taken back: the author's is left, after the grace.
      try await state(house, at: nil)
      #expect(try await house.retention().apply(actor: "job").deleted == 0)
      house.advance(days: 1)
      #expect(try await house.retention().apply(actor: "job").deleted == 1)
      #expect(try await house.states(["anns", "bens"]) == [.expired, .live])
      let mentioned = "SELECT count(*) FROM audit_mention WHERE part = 'subject'"
      #expect(try await house.count(mentioned) == 1)
    }
  }

  @Test("A floor without its event keeps on every path", arguments: DeletionReason.allCases)
  func floor(reason: DeletionReason) async throws {
    try await RetentionHouse.with { house in
      let keys = try await house.send(["m"], in: "deal")
      try await house.set(.entry("law", retain: "1d", clock: .event("ended"), locked: true))
      house.advance(days: 4_000)
      let (tenant, now) = (house.tenant, house.now)
      let outcome = try await house.database.transaction { tx in
        try Deletions.delete(keys, for: reason, tenant: tenant, at: now, in: tx)
      }
      #expect(outcome.deleted.isEmpty && outcome.floored[keys[0]] != nil)
      #expect(outcome.floored[keys[0]]?.until == nil)
    }
  }

  @Test("What a locked policy counts from can be moved to later only, and not be withdrawn")
  func locked() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m"], in: "deal")
      try await house.set(.entry("law", retain: "1y", clock: .event("ended"), locked: true))
      try await state(house, at: day(10))
      for time in [day(9), nil] {
        let error = await #expect(throws: RetentionError.self) { try await state(house, at: time) }
        #expect(error?.code == .lockedPolicy && error?.isRefusal == true)
      }
      try await state(house, at: day(11))
      try await state(house, "other", at: day(10))
      try await state(house, "other", at: day(9))
      #expect(try await house.retention().events().count == 2)
      #expect(try await house.retention().events("other").map(\.row.happenedAt) == [day(9)])
    }
  }

  @Test("What was stated after a review was decided is not deleted by that decision")
  func reviews() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["anns"], by: "ann", in: "deal")
      try await house.send(["bens"], by: "ben", in: "deal")
      try await house.set(
        PolicyDocument.Entry(
          name: "staff", deleteAfter: RetentionLength("30d"), clock: .event("ended"), review: true))
      try await state(house, of: .subject("ann"), at: day(1))
      house.advance(days: 50)
      #expect(try await service.apply(actor: "job").inReview == 1)
      let review = try #require(try await service.reviews().first).row.id
      _ = try await service.decide(review, .delete, justification: "j", actor: "alice")
      _ = try await service.approveReview(review, actor: "bob")
      try await state(house, of: .subject("ben"), at: day(1))
      house.advance(days: 2)
      let run = try await service.apply(actor: "job")
      #expect((run.deleted, run.inReview) == (1, 1))
      #expect(try await house.states(["anns", "bens"]) == [.expired, .live])
    }
  }

  @Test("What is not known, or not named as it has to be, is refused")
  func refusals() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m"], in: "deal")
      let cases: [(String, EventTarget, String, RetentionError.Code)] = [
        ("Zoë", .conversation("deal"), "j", .invalidEvent), ("e", .conversation("deal"), "", .invalidEvent),
        ("e", .conversation("nowhere"), "j", .unknownConversation),
        ("e", .subject("nobody"), "j", .unknownSubject),
      ]
      for (event, target, justification, code) in cases {
        let error = await #expect(throws: RetentionError.self) {
          try await house.retention().stateEvent(
            event, of: target, at: house.now, justification: justification, actor: "law")
        }
        #expect(error?.code == code)
      }
      #expect(try await house.count("SELECT count(*) FROM retention_event") == 0)
    }
  }
}
