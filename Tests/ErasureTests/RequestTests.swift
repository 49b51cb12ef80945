import AuditLog
import Catalog
import Erasure
import Model
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
      let due = ErasureHouse.start.adding(seconds: 30 * ErasureHouse.day)
      #expect(try await house.erasure.find(first).dueAt == due)
      let longer = try await house.erasure.extend(first, reason: "many systems", actor: "dpo")
      #expect(longer.dueAt == due.adding(seconds: 60 * ErasureHouse.day))
      await #expect(throws: ErasureError.self) {
        try await house.erasure.extend(first, reason: "again", actor: "dpo")
      }
      house.advance(days: 31)
      await #expect(throws: ErasureError.self) {
        try await house.erasure.extend(second, reason: "late", actor: "dpo")
      }
    }
  }
}
