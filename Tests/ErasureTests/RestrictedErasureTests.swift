import Catalog
import Governance
import Model
import Postgres
import Retention
import Testing

@testable import Erasure

/// An erasure goes message by message: what a hold or a locked floor keeps stays, hidden, and goes later.
@Suite struct RestrictedErasureTests {
  private static let lines = [
    Events.join("ann"), Events.join("ben"),
    Events.message("held", "ann", "harbour evidence of ann"),
    Events.message("free", "ann", "lantern nothing of interest", day: 20),
    Events.message("bens", "ben", "copper of ben"),
    Events.edit("held", "ann", "harbour evidence as corrected"),
  ]
  private static let window = HoldRequest(
    matter: "M", custodians: ["ann"], to: ErasureHouse.start.adding(seconds: 10 * ErasureHouse.day),
    reason: "suit")

  @Test(arguments: [false, true])
  func whatAHoldKeepsIsHiddenServedAsEvidenceAndGoesWithTheHold(archived: Bool) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      if archived { try await house.archive() }
      let hold = try await house.hold(Self.window)
      let id = try await house.approved("ann")
      let plan = try #require(try await house.erasure.find(id).plan)
      #expect(plan.contains(Handle.text("hold", hold)))
      let first = try await house.erasure.run(id, actor: "alice").statement()
      #expect((first.status, first.stores.messages, first.stores.restricted) == ("partial", 1, 1))
      #expect(first.remains.contains { $0.until.contains(Handle.text("hold", hold)) })
      #expect(try await house.erasure.find(id).state == .restricted)
      #expect(try await house.states(["held", "free", "bens"]) == [.restricted, .erased, .live])
      #expect(try await house.erasure.verify(id) == [])
      let evidence = try await house.evidence(hold)
      #expect(evidence.contains("harbour evidence of ann"))
      #expect(evidence.contains("harbour evidence as corrected"))
      #expect(evidence.contains(#""sender_id":"ann""#))
      #expect(!evidence.contains("lantern"))
      let coverage = try await house.holds.coverage(hold, groups: 2) { _ in .max }
      #expect((coverage.counts[.restricted], coverage.unreadable) == (1, 0))

      // Held still: looking again changes nothing.
      _ = try await house.erasure.reconsiderAll(actor: "job")
      #expect(try await house.states(["held"]) == [.restricted])
      try await house.release(hold)
      // The release itself destroys nothing, nor does anything within the grace.
      _ = try await house.erasure.reconsiderAll(actor: "job")
      #expect(try await house.states(["held"]) == [.restricted])
      house.advance(days: 2)
      let result = try await house.erasure.reconsiderAll(actor: "job")
      #expect((result.looked, result.completed) == (1, 1))
      #expect(try await house.states(["held"]) == [.erased])
      #expect(try await house.erasure.verify(id) == [])
      let last = try await house.erasure.run(id, actor: "alice").statement()
      #expect((last.status, last.stores.messages) == ("complete", 2))
      for table in ["preservation", "preserved_copy"] {
        #expect(try await house.count("SELECT count(*) FROM \(table)") == 0)
      }
      #expect(try await house.count("SELECT count(*) FROM export WHERE state = 'completed'") == 0)
    }
  }

  @Test func aLockedFloorKeepsUntilItEndsAndAnotherFloorDoesNot() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      try await house.deliver([Events.message("locked", "ann", "ledger of ann", in: "books")])
      try await house.set(
        .init(name: "wish", retain: RetentionLength("3y")),
        .init(name: "tax law", scope: .conversation("books"), retain: RetentionLength("60d"), locked: true))
      let id = try await house.approved("ann")
      #expect(try #require(try await house.erasure.find(id).plan).contains("tax law v1"))
      let statement = try await house.erasure.run(id, actor: "alice").statement()
      #expect((statement.status, statement.stores.restricted) == ("partial", 1))
      let until = ErasureHouse.start.adding(seconds: 60 * ErasureHouse.day)
      #expect(statement.remains.contains { $0.until == until.rfc3339 && $0.ground.contains("17(3)(b)") })
      #expect(try await house.states(["held", "free", "locked"]) == [.erased, .erased, .restricted])
      let explanation = try #require(try await house.retention.explain("locked"))
      #expect(explanation.disposition?.decidingRule == .lockedFloor)
      #expect(explanation.readable)
      house.advance(days: 70)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      #expect(try await house.states(["locked"]) == [.erased])
    }
  }

  /// What a locked floor counts from, and what it is for, stay as long as it keeps something of the person.
  @Test func aLockedFloorWithoutItsEventKeepsUntilThatHasHappened() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      try await house.set(
        .init(
          name: "contracts", scope: .label("contract"), retain: RetentionLength("10d"), clock: .event("left"),
          locked: true))
      _ = try await house.retention.setLabel(
        "contract", on: .message("held"), justification: "j", actor: "law")
      for subject in ["ann", "ben"] {
        _ = try await house.retention.stateEvent(
          "joined", of: .subject(subject), at: house.now, justification: "j", actor: "law")
      }
      let id = try await house.approved("ann")
      let statement = try await house.erasure.run(id, actor: "alice").statement()
      #expect((statement.status, statement.stores.restricted) == ("partial", 1))
      #expect(statement.remains.contains { $0.until == "the end of the duty to keep" })
      #expect(try await house.states(["held", "free", "bens"]) == [.restricted, .erased, .live])
      #expect(try await house.count("SELECT count(*) FROM retention_event") == 2)
      house.advance(days: 30)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 0)
      _ = try await house.retention.stateEvent(
        "left", of: .conversation("c"), at: house.now, justification: "j", actor: "law")
      house.advance(days: 5)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 0)
      house.advance(days: 6)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      #expect(try await house.states(["held"]) == [.erased])
      // The conversation's event and the other person's are left.
      #expect(try await house.count("SELECT count(*) FROM retention_event") == 2)
      #expect(try await house.count("SELECT count(*) FROM retention_label") == 0)
      #expect(try await house.erasure.verify(id) == [])
    }
  }

  @Test func aHoldPlacedLaterTakesOverFromTheFirst() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      let first = try await house.hold(Self.window)
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "alice")
      let second = try await house.hold(
        HoldRequest(matter: "N", conversations: ["c"], silent: true, reason: "suit"))
      try await house.release(first)
      house.advance(days: 2)
      _ = try await house.erasure.reconsiderAll(actor: "job")
      #expect(try await house.states(["held"]) == [.restricted])
      #expect(try await house.evidence(second).contains("harbour evidence of ann"))
      #expect(try await house.count("SELECT count(*) FROM preservation") == 1)
      // The certificate is handed out: it does not name a silent hold.
      let statement = try await house.erasure.run(id, actor: "alice").statement()
      #expect(statement.remains.contains { $0.ground.hasPrefix("a legal hold") })
      #expect(!"\(statement)".contains(Handle.text("hold", second)))
      try await house.release(second)
      house.advance(days: 2)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
    }
  }

  @Test func erasingACustodianLeavesTheHoldOnWhatOthersWrote() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines + [Events.join("cat")])
      try await house.deliver([Events.message("seen", "ben", "copper seen by cat", day: 2)])
      house.advance(days: 10)
      let hold = try await house.hold(HoldRequest(matter: "M", custodians: ["cat"], reason: "suit"))
      // What they had read is evidence too.
      try await house.database.transaction { tx in
        try tx.executeScript(
          """
          INSERT INTO receipt (route_key, conversation_id, subject_id, state, message_high, message_low, at)
          SELECT m.route_key, m.conversation_id, s.subject_id, 2, 1, 1, now() FROM subject s
          JOIN membership m USING (subject_id)
          WHERE s.subject_id IN (SELECT unnest(custodians) FROM hold)
          """)
      }
      let receipts = "SELECT count(*) FROM receipt"
      #expect(try await house.count(receipts) == 1)
      let id = try await house.approved("cat")
      _ = try await house.erasure.run(id, actor: "alice")
      #expect(try await house.erasure.find(id).state == .restricted)
      #expect(try await house.count(receipts) == 1)
      #expect(try await house.erasure.verify(id) == [])
      try await house.set(.init(name: "all", deleteAfter: RetentionLength("5d")))
      house.advance(days: 30)
      _ = try await house.retention.apply(actor: "job")
      #expect(try await house.states(["seen"]) == [.live])
      try await house.release(hold)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      #expect(try await house.count(receipts) == 0)
      #expect(
        try await house.count("SELECT count(*) FROM subject_conversation s JOIN subject t USING (subject_id)")
          == 2)
    }
  }

  @Test func whatTheyDidToHeldMessagesOfOthersIsEvidence() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      let hold = try await house.hold(HoldRequest(matter: "M", custodians: ["ben"], reason: "suit"))
      try await house.deliver([
        Events.edit("bens", "ann", "copper as ann changed it"),
        #"{"type":"reaction.added","message_id":"bens","conversation_id":"c","subject_id":"ann","name":"+1","at":"\#(Events.time(1))"}"#,
      ])
      try await house.deliver([Events.delete("bens", "ann", day: 3)])
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "alice")
      let evidence = try await house.evidence(hold)
      #expect(evidence.contains("copper of ben"))
      #expect(evidence.contains("copper as ann changed it"))
      #expect(try await house.erasure.verify(id) == [])
      try await house.release(hold)
      house.advance(days: 2)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      // Deleted by a member whom nobody can name any more, and gone with the hold all the same.
      _ = try await house.retention.apply(actor: "job")
      #expect(try await house.states(["bens"]) == [.deleted])
    }
  }

  @Test("Changes to held messages of others do not go before they are copied, whenever the hold came")
  func aHoldThatComesMeanwhileKeepsWhatTheyDidToOthers() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      try await house.deliver([Events.edit("bens", "ann", "copper as ann changed it")])
      let id = try await house.approved("ann")
      let row = try await house.erasure.find(id)
      let subject = try #require(row.subject)
      let (tenant, now) = (house.tenant.id, house.now)
      try await house.database.transaction { tx in
        try ErasureService.checkCopies(row, subject, tenant: tenant, at: now, in: tx)
      }
      let hold = try await house.hold(HoldRequest(matter: "M", custodians: ["ben"], reason: "suit"))
      let error = await #expect(throws: ErasureError.self) {
        try await house.database.transaction { tx in
          try ErasureService.checkCopies(row, subject, tenant: tenant, at: now, in: tx)
        }
      }
      #expect(error?.code == .busy)
      _ = try await house.erasure.run(id, actor: "alice")
      #expect(try await house.evidence(hold).contains("copper as ann changed it"))
    }
  }

  @Test("A restricted erasure that fails keeps no other from being looked at")
  func oneThatFailsKeepsNoOther() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      let hold = try await house.hold(HoldRequest(matter: "M", conversations: ["c"], reason: "suit"))
      let ids = [try await house.approved("ann"), try await house.approved("ben")]
      for id in ids { _ = try await house.erasure.run(id, actor: "alice") }
      try await house.release(hold)
      house.advance(days: 2)
      let breaking = Breaking()
      let service = house.erasure { try breaking.pass() }
      let result = try await service.reconsiderAll(actor: "job")
      #expect(result.failures.count == 1 && result.failures.first?.error is HouseError)
      #expect(result.completed == 1)
      #expect(try await service.reconsiderAll(actor: "job").completed == 1)
      for id in ids { #expect(try await house.erasure.find(id).state == .completed) }
    }
  }

  @Test func aMembersOwnDeletionWaitsForTheFloor() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(Self.lines)
      try await house.set(.init(name: "keep", retain: RetentionLength("90y")))
      try await house.deliver([Events.delete("free", "ann", day: 21)])
      #expect(try await house.states(["free"]) == [.restricted])
      _ = try await house.retention.apply(actor: "job")
      #expect(try await house.states(["free"]) == [.restricted])
      house.advance(days: 91 * 365)
      #expect(try await house.retention.apply(dryRun: true, actor: "job").released == 1)
      #expect(try await house.retention.apply(actor: "job").released == 1)
      #expect(try await house.states(["free"]) == [.deleted])
    }
  }
}
