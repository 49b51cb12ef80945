import History
import Model
import Postgres
import Runtime
import Search
import Testing

/// Platforms deliver at least once, and not always in order.
@Suite("Redelivery")
struct RedeliveryTests {
  private static func described(_ event: String, _ visibility: String) -> String {
    Events.conversation("plaza", kind: "channel", visibility: visibility)
      .replacing(#"{"type""#, with: #"{"event_id":"\#(event)","type""#)
  }

  @Test("A description that comes again does not undo a newer one", arguments: [false, true])
  func descriptions(isOneBatch: Bool) async throws {
    try await SearchHouse.with { house in
      try await house.store([
        Events.conversation("den"), Events.join("eve", "den", 0),
        Events.message("d", "den", "eve", 1, "hello"),
      ])
      let first = [Self.described("e1", "public"), Events.message("m", "plaza", "ann", 1, "secret")]
      let later = [Self.described("e2", "private"), Self.described("e1", "public")]
      if isOneBatch {
        try await house.deliver(first + later)
      } else {
        try await house.deliver(first)
        #expect(try await house.find("secret", as: "eve") == ["m"])
        for line in later { try await house.deliver([line]) }
      }
      #expect(try await house.find("secret", as: "eve").isEmpty)
    }
  }

  @Test("A description that arrives late does not undo a newer one, whatever comes between")
  func late() async throws {
    func described(_ day: Int, _ visibility: String) -> String {
      Events.conversation("plaza", kind: "channel", visibility: visibility)
        .replacing(#"{"type""#, with: #"{"at":"\#(Events.time(day))","type""#)
    }
    try await SearchHouse.with { house in
      try await house.store([Events.conversation("den"), Events.join("eve", "den", 0)])
      for day in [1, 3, 5] {
        try await house.store([described(day, day == 1 ? "public" : "private")])
      }
      for line in [described(4, "public"), Events.message("m", "plaza", "ann", 1, "secret")] {
        try await house.deliver([line])
      }
      #expect(try await house.find("secret", as: "eve").isEmpty)
      try await house.deliver([described(6, "public"), described(2, "private")])
      #expect(try await house.find("secret", as: "eve") == ["m"])
    }
  }

  @Test("A person's old name does not come back with the event that said it")
  func names() async throws {
    try await SearchHouse.with { house in
      func named(_ event: String, _ name: String) -> String {
        #"{"event_id":"\#(event)","type":"user.upserted","subject_id":"ann","display_name":"\#(name)"}"#
      }
      for line in [named("n1", "Ann Old"), named("n2", "Ann New"), named("n1", "Ann Old")] {
        try await house.store([line])
      }
      let directory = house.application.directory(house.tenant)
      let subject = try #require(try await directory.subject("ann"))
      #expect(try await directory.profiles([subject])[subject]?.displayName == "Ann New")
    }
  }

  @Test("A member who left before they came is not forgotten to have left")
  func leaves() async throws {
    try await SearchHouse.with { house in
      try await house.store([Events.conversation("room"), Events.join("bo", "room", 5)])
      await #expect(throws: SetAsideError(codes: ["not_a_member"])) {
        try await house.store([Events.leave("bo", "room", 4)])
      }
      await #expect(throws: SetAsideError(codes: ["not_a_member"])) {
        try await house.store([Events.leave("cy", "room", 4)])
      }
      // The same leave again, also after coming back, is nothing new.
      try await house.store([Events.leave("bo", "room", 6), Events.leave("bo", "room", 6)])
      try await house.store([Events.join("bo", "room", 8), Events.leave("bo", "room", 6)])
      try await house.deliver([
        Events.message("m7", "room", "ann", 7, "word"), Events.message("m9", "room", "ann", 9, "word"),
      ])
      #expect(try await house.find("word", as: "bo") == ["m9"])
    }
  }

  @Test("A change that names another conversation than its message stays out, and waits")
  func elsewhere() async throws {
    try await SearchHouse.with { house in
      try await house.store([
        Events.edit("m", "other", "bob", 2, version: 1, "wrong"),
        Events.edit("m", "room", "ann", 2, version: 1, "right"),
      ])
      try await house.deliver([Events.message("m", "room", "ann", 1, "first")])
      #expect(try await house.find("right", as: nil) == ["m"])
      let waiting = try await house.application.database.read { tx in
        try tx.execute("SELECT count(*) FROM pending_change").int64(0, 0)
      }
      #expect(waiting == 1)
    }
  }
}
