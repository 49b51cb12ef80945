import Catalog
import Governance
import Model
import Postgres
import Retention
import Testing

@Suite("Changes of policies that a second person approves")
struct ApprovalTests {
  private static let strict = PolicyDocument(policies: [.entry("default", delete: "30d")])

  /// Two messages that the strict set would delete, and that set proposed by `alice`.
  private func proposed(_ house: RetentionHouse) async throws -> RetentionService {
    let service = house.retention(needsApproval: true)
    try await house.send(["a1", "a2"])
    house.advance(days: 40)
    let result = try await service.set(Self.strict, actor: "alice")
    #expect((result.version, result.standing, result.changed) == (1, .waiting, true))
    #expect(result.effectiveAt == house.now.adding(seconds: RetentionHouse.day))
    #expect(result.totals?.due == 2)
    return service
  }

  private func refusal(_ body: () async throws -> Void) async throws -> RetentionError.Code? {
    do {
      try await body()
      return nil
    } catch let error as RetentionError {
      return error.code
    }
  }

  @Test("No run, preview or explanation uses a change nobody approved, however long ago its grace ended")
  func waits() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      for days in [0, 1, 30] as [Int64] {
        house.advance(days: days)
        let run = try await service.apply(actor: "job")
        #expect((run.policySet, run.due, run.deleted, run.pending) == (0, 0, 0, 0))
        #expect(try await service.preview().totals.due == 0)
        #expect(try await service.explain("a1")?.policySet == 0)
        #expect(try await service.list().map(\.standing) == [.waiting])
      }
      #expect(try await refusal { _ = try await service.approve(1, actor: "alice") } == .samePerson)
      #expect(try await service.apply(actor: "job").deleted == 0)
      let approved = try await service.approve(1, actor: "bob")
      #expect((approved.view.standing, approved.view.effectiveAt) == (.inForce, house.now))
      #expect(approved.view.decidedAt == house.now)
      let run = try await service.apply(actor: "job")
      #expect((run.policySet, run.deleted) == (1, 2))
      #expect(try await house.states(["a1", "a2"]) == [.expired, .expired])
    }
  }

  @Test("What is approved at once waits for its grace all the same")
  func grace() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      let approved = try await service.approve(1, actor: "bob")
      #expect(approved.view.standing == .announced)
      #expect(approved.view.effectiveAt == house.now.adding(seconds: RetentionHouse.day))
      #expect(try await service.apply(actor: "job").deleted == 0)
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 2)
    }
  }

  @Test("Approving, rejecting and proposing again change nothing, and are audited once")
  func retries() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      let again = try await service.set(Self.strict, actor: "alice")
      #expect((again.version, again.standing, again.changed) == (1, .waiting, false))
      // Nor does it count as approval that somebody else asks for the same.
      #expect(try await service.set(Self.strict, actor: "bob").standing == .waiting)
      let first = try await service.approve(1, actor: "bob")
      house.advance(days: 3)
      let second = try await service.approve(1, actor: "bob")
      #expect(second.view.decidedAt == first.view.decidedAt)
      #expect(second.view.effectiveAt == first.view.effectiveAt)
      #expect(try await refusal { _ = try await service.approve(1, actor: "carol") } == .policiesDecided)
      #expect(
        try await refusal { _ = try await service.reject(1, justification: "j", actor: "carol") }
          == .policiesDecided)
      #expect(try await refusal { _ = try await service.approve(9, actor: "bob") } == .unknownPolicies)
      for (action, count) in [
        ("retention.proposed", 1), ("retention.approved", 1), ("retention.rejected", 0),
      ] {
        #expect(try await house.count(audited: action) == count, "\(action)")
      }
    }
  }

  @Test("What was rejected never counts, and can be proposed anew")
  func rejected() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      #expect(
        try await refusal { _ = try await service.reject(1, justification: "", actor: "bob") }
          == .invalidApproval)
      let rejected = try await service.reject(1, justification: "too short", actor: "bob")
      #expect(rejected.view.standing == .rejected)
      _ = try await service.reject(1, justification: "too short", actor: "bob")
      #expect(try await refusal { _ = try await service.approve(1, actor: "carol") } == .policiesDecided)
      house.advance(days: 10)
      #expect(try await service.apply(actor: "job").deleted == 0)
      let anew = try await service.set(Self.strict, actor: "alice")
      #expect((anew.version, anew.standing, anew.changed) == (2, .waiting, true))
      // Whoever proposed it may take it back.
      #expect(
        try await service.reject(2, justification: "never mind", actor: "alice").view.standing == .rejected)
      #expect(try await service.list().map(\.standing) == [.rejected, .rejected])
      #expect(try await house.count(audited: "retention.rejected") == 2)
    }
  }

  @Test("A change that only keeps longer needs nobody, and takes the place of one that waits")
  func milder() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      _ = try await service.approve(1, actor: "bob")
      house.advance(days: 1)
      let stricter = PolicyDocument(policies: [.entry("default", delete: "10d")])
      #expect(try await service.set(stricter, actor: "alice").standing == .waiting)
      let milder = try await service.set(
        PolicyDocument(policies: [.entry("default", delete: "1y")]), actor: "alice")
      #expect((milder.version, milder.standing, milder.effectiveAt) == (3, .inForce, house.now))
      #expect(try await refusal { _ = try await service.approve(2, actor: "bob") } == .policiesDecided)
      #expect(try await service.list().map(\.standing) == [.replaced, .replaced, .inForce])
      house.advance(days: 30)
      #expect(try await service.apply(actor: "job").deleted == 0)
    }
  }

  @Test("Floors of a change keep nothing from a member's deletion before it is approved, and do after")
  func floors() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention(needsApproval: true)
      try await house.send(["before", "after"])
      let law = PolicyDocument.Entry.entry("law", retain: "5y", delete: "6y")
      _ = try await service.set(
        PolicyDocument(policies: [.entry("other", .subject("nobody"), retain: "1y")]), actor: "alice")
      let waiting = try await service.set(
        PolicyDocument(policies: [.entry("other", .subject("nobody"), retain: "1y"), law]), actor: "alice")
      #expect((waiting.version, waiting.standing) == (2, .waiting))
      house.advance(days: 2)
      try await house.deleteByMember("before")
      #expect(try await house.state("before") == .deleted)
      _ = try await service.approve(2, actor: "bob")
      try await house.deleteByMember("after")
      #expect(try await house.state("after") == .restricted)
    }
  }

  @Test("Where the tenant does without second persons, an approval is asked for, of anybody")
  func alone() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention(needsApproval: true, secondPerson: false)
      try await house.send(["a"])
      house.advance(days: 40)
      #expect(try await service.set(Self.strict, actor: "alice").standing == .waiting)
      house.advance(days: 2)
      #expect(try await service.apply(actor: "job").deleted == 0)
      #expect(try await service.approve(1, actor: "alice").view.standing == .inForce)
      #expect(try await service.apply(actor: "job").deleted == 1)
    }
  }

  @Test("What waits goes on waiting when approval is asked for no more")
  func switchedOff() async throws {
    try await RetentionHouse.with { house in
      _ = try await proposed(house)
      house.advance(days: 2)
      #expect(try await house.retention().apply(actor: "job").deleted == 0)
      _ = try await house.retention().approve(1, actor: "bob")
      #expect(try await house.retention().apply(actor: "job").deleted == 2)
    }
  }

  @Test("A preview that was changed in the database is shown as such, and nobody approves by it")
  func tampered() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      try await house.database.transaction { tx in
        _ = try tx.execute(
          "UPDATE policy_preview SET document = replace(document, '\"due\":2', '\"due\":0')")
      }
      let shown = try await service.show(1)
      #expect(shown.preview?.isProven == false && shown.preview?.preview?.totals.due == 0)
      #expect(try await refusal { _ = try await service.approve(1, actor: "bob") } == .damagedPolicies)
      #expect(
        try await service.reject(1, justification: "altered", actor: "bob").view.standing == .rejected)
      // The entry of the rejection has the hash of what was found then, which proves nothing.
      try await house.database.transaction { tx in
        _ = try tx.execute(
          "UPDATE policy_preview SET audit_index = (SELECT max(entry_index) FROM audit_entry)")
      }
      #expect(try await service.show(1).preview?.isProven == false)
    }
  }

  @Test("A preview that was altered beyond reading can be shown as such, and its change be rejected")
  func unreadable() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      try await house.database.transaction { tx in
        _ = try tx.execute("UPDATE policy_preview SET document = 'altered'")
      }
      let shown = try #require(try await service.show(1).preview)
      #expect(shown.preview == nil && !shown.isProven)
      #expect(try await refusal { _ = try await service.approve(1, actor: "bob") } == .damagedPolicies)
      #expect(
        try await service.reject(1, justification: "altered", actor: "bob").view.standing == .rejected)
    }
  }

  @Test("Those that wait longer than their grace are found, and no others")
  func overdue() async throws {
    try await RetentionHouse.with { house in
      let service = try await proposed(house)
      func overdue() async throws -> [Int32] {
        let now = house.now
        return try await house.database.transaction { tx in
          try Policies.overdue(at: now, limit: 10, in: tx).map(\.version)
        }
      }
      #expect(try await overdue() == [])
      house.advance(days: 2)
      #expect(try await overdue() == [1])
      _ = try await service.approve(1, actor: "bob")
      #expect(try await overdue() == [])
    }
  }
}
