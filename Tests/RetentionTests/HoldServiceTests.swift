import Catalog
import Dispatch
import History
import KeyVault
import Model
import Postgres
import Retention
import Testing

@Suite struct HoldServiceTests {
  @Test func aHoldIsPlacedShownAndReleased() async throws {
    try await RetentionHouse.with { house in
      try await house.converse("C1")
      let request = HoldRequest(
        matter: "Acme v. Bob", custodians: ["bob", "stranger"], conversations: ["C1"],
        from: RetentionHouse.start,
        to: RetentionHouse.start.adding(seconds: 10), silent: true, reason: "court order")
      let id = try await house.holds.place(request, actor: "law")
      let view = try await house.holds.show(id)
      #expect((view.matter, view.reason, view.placedBy) == ("Acme v. Bob", "court order", "law"))
      #expect(Set(view.custodians) == ["bob", "stranger"])
      #expect((view.conversations, view.silent, view.isActive) == (["C1"], true, true))
      #expect(Handle.number("hold", view.handle) == id)
      try await house.holds.release(id, reason: "settled", actor: "partner")
      let released = try await house.holds.list()
      #expect(released.map(\.releaseReason) == ["settled"])
      #expect(released.map(\.releasedBy) == ["partner"])
      #expect(released.map(\.matter) == ["Acme v. Bob"])
      #expect(try await house.holds.list(activeOnly: true).isEmpty)
      #expect(try await house.count(audited: "hold.placed") == 1)
      #expect(try await house.count(audited: "hold.released") == 1)
      let clear = try await house.count(
        "SELECT count(*) FROM audit_entry WHERE encode(entry, 'escape') ~ 'court order|Acme v|settled|bob'")
      #expect(clear == 0)
    }
  }

  @Test func whatIsWrongWithAHoldIsSaid() async throws {
    try await RetentionHouse.with { house in
      let start = RetentionHouse.start
      let requests: [(HoldRequest, RetentionError.Code)] = [
        (HoldRequest(matter: "", reason: "R"), .invalidHold),
        (HoldRequest(matter: "M", reason: String(repeating: "r", count: 4_097)), .invalidHold),
        (HoldRequest(matter: "M", from: start, to: start, reason: "R"), .invalidHold),
        (HoldRequest(matter: "M", conversations: ["nowhere"], reason: "R"), .unknownConversation),
        (HoldRequest(matter: "M", custodians: [""], reason: "R"), .invalidHold),
        (
          HoldRequest(matter: "M", custodians: [String(repeating: "c", count: 129)], reason: "R"),
          .invalidHold
        ),
        (HoldRequest(matter: "M", conversations: ["", "c"], reason: "R"), .invalidHold),
      ]
      for (request, code) in requests {
        let error = await #expect(throws: RetentionError.self) {
          try await house.holds.place(request, actor: "law")
        }
        #expect(error?.code == code)
      }
      let unknown = await #expect(throws: RetentionError.self) { try await house.holds.show(7) }
      #expect(unknown?.code == .unknownHold)
      let id = try await house.holds.place(HoldRequest(matter: "M", reason: "R"), actor: "law")
      try await house.holds.release(id, reason: "R", actor: "law")
      let again = await #expect(throws: RetentionError.self) {
        try await house.holds.release(id, reason: "R", actor: "law")
      }
      #expect(again?.code == .alreadyReleased)
    }
  }

  @Test("Whoever places a hold is told what it covers, and whom nobody knows")
  func reach() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m", "n"], by: "bob")
      try await house.send(["o"], by: "ann", in: "elsewhere")
      let request = HoldRequest(matter: "M", custodians: ["bob", "bbo"], reason: "R")
      #expect(try await house.holds.unknown(request) == ["bbo"])
      let id = try await house.holds.place(request, actor: "law")
      #expect(try await house.holds.covered(id) == 2)
      #expect(try await house.holds.unknown(HoldRequest(matter: "M", reason: "R")).isEmpty)
    }
  }

  /// The switch stops compiling when a path is added.
  @Test("case 8: every path of deletion stops at a hold", arguments: DeletionReason.allCases)
  func everyPathOfDeletionStopsAtAHold(reason: DeletionReason)
    async throws
  {
    try await RetentionHouse.with { house in
      let keys = try await house.send(["m"], by: "bob")
      house.advance(days: 40)
      try await house.set(.entry("default", delete: "30d"))
      let hold = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob"], reason: "R"), actor: "law")
      let tenant = house.tenant
      let outcome = try await house.database.transaction { tx in
        try Deletions.delete(keys, for: reason, tenant: tenant, at: house.now, in: tx)
      }
      #expect(outcome.deleted.isEmpty)
      #expect(outcome.held.map(\.holds) == [[hold]])
      #expect(try await house.count("SELECT count(*) FROM message") == 1)
      switch reason {
      case .deletedByMember: #expect(try await house.state("m") == .restricted)
      case .retention:
        let run = try await house.retention().apply(actor: "job")
        #expect((run.due, run.deleted, run.held, run.holds) == (0, 0, 1, [hold]))
        #expect(try await house.state("m") == .live)
      case .erasure: #expect(try await house.state("m") == .live)
      }
    }
  }

  /// Case 8 as well: whoever comes first finishes, and a deletion that comes after the hold sees it.
  @Test func aHoldPlacedWhileADeletionIsOpenWaitsAndThenHoldsTheRest() async throws {
    try await RetentionHouse.with { house in
      let keys = try await house.send(["first", "second"])
      let tenant = house.tenant
      let (opened, open) = AsyncStream<Void>.makeStream()
      let gate = DispatchSemaphore(value: 0)
      async let deletion: Void = house.database.transaction { tx in
        _ = try Deletions.delete([keys[0]], for: .retention, tenant: tenant, at: house.now, in: tx)
        open.yield()
        gate.wait()
      }
      for await _ in opened { break }
      async let hold = house.holds.place(HoldRequest(matter: "M", reason: "R"), actor: "law")
      // The hold is seen waiting for the deletion's lock before that goes on.
      try await house.waitUntilSomebodyWaits()
      gate.signal()
      try await deletion
      let id = try await hold
      let outcome = try await house.database.transaction { tx in
        try Deletions.delete(keys, for: .retention, tenant: tenant, at: house.now, in: tx)
      }
      #expect(outcome.held.map(\.holds) == [[id]])
      #expect(try await house.states(["first", "second"]) == [.expired, .live])
      let coverage = try await house.holds.coverage(id, groups: RetentionHouse.groups) { _ in .max }
      #expect(coverage.gaps == ["1 expired already"])
    }
  }

  @Test("case 11: a hold's release destroys nothing by itself, only the grace's end does")
  func aReleaseDestroysNothingAndWhatMembersDeletedGoesAfterTheGrace() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m", "n"])
      let holds = house.holds
      let id = try await holds.place(HoldRequest(matter: "M", reason: "R"), actor: "law")
      try await house.deleteByMember("m")
      #expect(try await house.states(["m", "n"]) == [.restricted, .live])
      house.advance(days: 100)
      try await holds.release(id, reason: "settled", actor: "law")
      #expect(try await house.states(["m", "n"]) == [.restricted, .live])
      _ = try await house.retention().apply(actor: "job")
      #expect(try await house.states(["m", "n"]) == [.restricted, .live])
      house.advance(days: 2)
      let dry = try await house.retention().apply(dryRun: true, actor: "job")
      #expect((dry.released, dry.deleted) == (1, 0))
      let run = try await house.retention().apply(actor: "job")
      #expect((run.released, run.due, run.kept) == (1, 0, 1))
      #expect(try await house.states(["m", "n"]) == [.deleted, .live])
    }
  }

  @Test func laterMessagesAndThoseACustodianCouldSeeAreHeldToo() async throws {
    try await RetentionHouse.with { house in
      try await house.join("bob", "seen", from: RetentionHouse.start)
      _ = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob", "new"], reason: "R"), actor: "law")
      house.advance(days: 1)
      try await house.send(["seen"], by: "ann", in: "seen")
      try await house.send(["unseen"], by: "ann", in: "unseen")
      try await house.send(["own"], by: "new", in: "unseen")
      house.advance(days: 60)
      try await house.set(.entry("default", delete: "30d"))
      let run = try await house.retention().apply(actor: "job")
      #expect((run.deleted, run.held) == (1, 2))
      #expect(try await house.states(["seen", "unseen", "own"]) == [.live, .expired, .live])
    }
  }

  @Test func coverageNamesWhatIsGoneUnreadableOrNotIndexed() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["a", "b"], by: "ann")
      try await house.send(["c"], by: "bob")
      try await house.deleteByMember("a")
      let id = try await house.holds.place(HoldRequest(matter: "M", reason: "R"), actor: "law")
      let complete = try await house.holds.coverage(id, groups: RetentionHouse.groups) { _ in .max }
      #expect((complete.total, complete.kept, complete.gone, complete.unreadable) == (3, 2, 1, 0))
      let bob = try #require(try await house.directory.subject("bob"))
      let owner = KeyOwner.subject(house.tenant, bob)
      let now = house.now
      try await house.database.transaction { tx in
        try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
      }
      house.vault.forget([owner])
      let coverage = try await house.holds.coverage(id, groups: RetentionHouse.groups) { _ in 0 }
      #expect((coverage.unreadable, coverage.notIndexed, coverage.isComplete) == (1, 2, false))
      #expect(coverage.gaps.count == 3)
    }
  }
}
