import AuditLog
import Catalog
import Erasure
import Model
import Postgres
import Runtime
import Testing

/// Requests that end without an erasure, and the clock they run by.
@Suite struct RequestTests {
  @Test(arguments: [ErasureService.Ending.withdrawn, .refused])
  func anEndedRequestIsOnTheRecordAndForgetsWhomItWasAbout(ending: ErasureService.Ending) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      let row = try await house.erasure.end(id, as: ending, reason: "not theirs to ask", actor: "dpo")
      #expect(row.state.rawValue == ending.rawValue)
      #expect((row.sealed, row.subject, row.state.isOpen) == (nil, nil, false))
      #expect(
        try await house.count("SELECT count(*) FROM audit_entry WHERE action = 'erasure.\(ending.rawValue)'")
          == 1)
      let error = await #expect(throws: ErasureError.self) { try await house.erasure.run(id, actor: "dpo") }
      #expect(error?.code == .wrongState)
      await #expect(throws: ErasureError.self) {
        try await house.erasure.end(id, as: .withdrawn, reason: "again", actor: "dpo")
      }
      #expect(try await house.states(["m"]) == [.live])
    }
  }

  @Test func whatWasCarriedOutCannotBeWithdrawn() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "dpo")
      let error = await #expect(throws: ErasureError.self) {
        try await house.erasure.end(id, as: .withdrawn, reason: "late", actor: "dpo")
      }
      #expect(error?.code == .wrongState)
    }
  }

  @Test func theMonthIsExtendedOnceAndInTime() async throws {
    try await ErasureHouse.with { house in
      let first = try await house.approved("ann")
      let second = try await house.approved("ben")
      let due = Timestamp(civil: 2024, 2, 1)
      #expect(try await house.erasure.find(first).dueAt == due)
      let longer = try await house.erasure.extend(first, reason: "many systems", actor: "dpo")
      #expect(longer.dueAt == Timestamp(civil: 2024, 4, 1))
      await #expect(throws: ErasureError.self) {
        try await house.erasure.extend(first, reason: "again", actor: "dpo")
      }
      house.advance(days: 32)
      await #expect(throws: ErasureError.self) {
        try await house.erasure.extend(second, reason: "late", actor: "dpo")
      }
    }
  }

  @Test(
    "A month ends on the day of the next one that has the same number, or on its last",
    arguments: [
      ("2023-01-30T10:00:00Z", 1, "2023-02-28T10:00:00Z"), ("2023-01-31", 1, "2023-02-28"),
      ("2024-01-30", 1, "2024-02-29"), ("2024-01-31T23:59:59.5Z", 1, "2024-02-29T23:59:59.5Z"),
      ("2024-01-29", 1, "2024-02-29"), ("2023-02-28", 1, "2023-03-28"), ("2023-12-31", 2, "2024-02-29"),
      ("2023-11-15T01:02:03Z", 2, "2024-01-15T01:02:03Z"),
      ("1969-12-31T12:00:00Z", 2, "1970-02-28T12:00:00Z"),
    ])
  func months(_ sample: (from: String, months: Int, to: String)) throws {
    let from = try #require(Timestamp(rfc3339: sample.from))
    #expect(from.adding(months: sample.months) == Timestamp(rfc3339: sample.to))
  }

  @Test("What was taken back since it was read is neither approved nor begun")
  func takenBack() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      _ = try await house.erasure.end(id, as: .withdrawn, reason: "changed their mind", actor: "ann")
      let now = house.now
      let done = try await house.database.transaction { tx in
        try Erasures.set(id, state: .partial, steps: "{}", in: tx)
        return [
          try Erasures.approve(id, approverHash: [1], at: now, in: tx), try Erasures.begin(id, in: tx),
          try Erasures.complete(id, certificate: "{}", steps: "{}", at: now, in: tx),
          try Erasures.restrict(id, certificate: "{}", steps: "{}", in: tx),
        ]
      }
      #expect(done == [false, false, false, false])
      #expect(try await house.erasure.find(id).state == .withdrawn)
      #expect(try await house.states(["m"]) == [.live])
    }
  }

  @Test("Two runs at once are one: the second is told that somebody else is at it")
  func atOnce() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      let service = house.application.erasure(house.application.directory(house.tenant))
      try await house.application.holding(Handle.text("erasure", id)) {
        let error = await #expect(throws: ErasureError.self) { try await service.run(id, actor: "dpo") }
        #expect(error?.code == .busy)
      }
      #expect(try await house.states(["m"]) == [.live])
      let first = try await service.run(id, actor: "dpo")
      #expect(try await service.run(id, actor: "dpo").payload == first.payload)
      #expect(
        try await house.count("SELECT count(*) FROM audit_entry WHERE action = 'erasure.completed'") == 1)
    }
  }

  @Test("What is said of somebody who is erased already leaves nothing readable about them")
  func again() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let first = try await house.approved("ann")
      _ = try await house.erasure.run(first, actor: "dpo")
      let second = try await house.approved("ann")
      _ = try await house.erasure.extend(second, reason: "ann asked twice", actor: "dpo")
      #expect(try await house.erasure.verify(first) == [])
      _ = try await house.erasure.end(second, as: .refused, reason: "ann is erased", actor: "dpo")
      #expect(try await house.erasure.verify(first) == [])
    }
  }

  @Test("A plan that somebody reads is in the audit log, with its numbers and without names")
  func planned() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let row = try await house.erasure.request(subject: "ann", reason: "r", actor: "alice")
      _ = try await house.erasure.plan(row.id, actor: "alice")
      let entry = "FROM audit_entry WHERE action = 'erasure.planned' AND convert_from(entry, 'UTF8')"
      #expect(try await house.count("SELECT count(*) \(entry) LIKE '%\"messages\":\"1\"%'") == 1)
      #expect(try await house.count("SELECT count(*) \(entry) LIKE '%alice%'") == 0)
    }
  }
}
