import Catalog
import Erasure
import History
import Model
import Postgres
import Retention
import Runtime
import Testing

@Suite("Erasing a message, a conversation, or a person in one conversation")
struct ScopedErasureTests {
  private func approved(_ house: ErasureHouse, _ target: ErasureTarget) async throws -> Int64 {
    let row = try await house.erasure.request(target, reason: "their wish", actor: "alice")
    _ = try await house.erasure.plan(row.id)
    try await house.erasure.approve(row.id, actor: "bob")
    return row.id
  }

  private let talk = [
    Events.join("ann"), Events.join("ben"),
    Events.message("m1", "ann", "alpha words that nobody else has written"),
    Events.message("m2", "ben", "beta words that nobody else has written"),
    Events.message("m3", "ann", "gamma words that nobody else has written"),
    Events.message("m4", "ann", "delta words in another conversation", in: "d"),
  ]

  @Test(
    "A message is erased in hot, archive and index, and the others of its segment are read on",
    arguments: [false, true])
  func message(isCold: Bool) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      if isCold { try await house.archive() }
      let id = try await approved(house, .message("m1"))
      let plan = try await house.erasure.plan(id)
      #expect(plan.hotMessages == (isCold ? 0 : 1) && plan.coldMessages == (isCold ? 1 : 0))
      let statement = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(
        statement.scope == "message" && statement.status == "complete" && statement.stores.messages == 1)
      #expect(try await house.states(["m1", "m2", "m3", "m4"]) == [.erased, .live, .live, .live])
      #expect(try await house.erasure.verify(id).isEmpty)
      let again = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(again.completedAt == statement.completedAt)
      // A late delivery is a duplicate of what is gone.
      try await house.deliver([talk[2]])
      #expect(try await house.states(["m1"]) == [.erased])
    }
  }

  @Test(
    "A person's messages in one conversation go, with what they did to others' there; elsewhere all stays")
  func subjectInConversation() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(
        talk + [
          #"{"type":"reaction.added","message_id":"m2","conversation_id":"c","subject_id":"ann","name":"+1","at":"\#(Events.time(1))"}"#
        ])
      let id = try await approved(house, .subjectIn(subject: "ann", conversation: "c"))
      let statement = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(statement.stores.messages == 2 && statement.stores.changes == 1)
      #expect(try await house.states(["m1", "m2", "m3", "m4"]) == [.erased, .live, .erased, .live])
      #expect(try await house.count("SELECT count(*) FROM amendment WHERE kind = 3") == 0)
    }
  }

  @Test("A conversation goes with its key, and takes nothing more in", arguments: [false, true])
  func conversation(isCold: Bool) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      if isCold { try await house.archive() }
      for target in [LabelTarget.conversation("c"), .message("m2"), .message("m4")] {
        _ = try await house.retention.setLabel("x", on: target, justification: "j", actor: "law")
      }
      _ = try await house.retention.stateEvent(
        "ended", of: .conversation("c"), at: house.now, justification: "j", actor: "law")
      let id = try await approved(house, .conversation("c"))
      let statement = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(statement.stores.messages == 3 && statement.stores.keysDestroyed == ["conversation"])
      #expect(try await house.states(["m1", "m2", "m3", "m4"]) == [.erased, .erased, .erased, .live])
      #expect(try await house.retention.labels().map(\.message) == ["m4"])
      #expect(try await house.count("SELECT count(*) FROM retention_event") == 0)
      let error = await #expect(throws: RetentionError.self) {
        try await house.retention.setLabel("x", on: .conversation("c"), justification: "j", actor: "law")
      }
      #expect(error?.code == .unknownConversation)
      await #expect(throws: HouseError.self) {
        try await house.deliver([Events.message("m5", "ann", "late words")])
      }
      #expect(try await house.erasure.verify(id).isEmpty)
    }
  }

  @Test("What a hold or a locked floor keeps of a scope stays where it is, hidden, until nothing keeps it")
  func held() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      let hold = try await house.hold(
        HoldRequest(matter: "M", custodians: ["ben"], to: Events.after, reason: "r"))
      let own = try await house.hold(HoldRequest(matter: "N", conversations: ["d"], reason: "r"))
      let id = try await approved(house, .conversation("c"))
      let plan = try await house.erasure.plan(id)
      #expect(plan.restricted == 3 && plan.blockedBy.map(\.messages) == [3])
      let statement = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(
        statement.status == "partial" && statement.stores.restricted == 3 && statement.stores.messages == 0)
      #expect(statement.remains.contains { $0.ground.contains("17(3)(e)") })
      #expect(try await house.states(["m1", "m2", "m3"]) == [.restricted, .restricted, .restricted])
      #expect(try await house.evidence(hold).contains("beta words"))
      try await house.release(hold)
      _ = try await house.erasure.reconsiderAll(actor: "night")
      #expect(try await house.states(["m1"]) == [.restricted], "a release destroys nothing by itself")
      house.advance(days: 2)
      _ = try await house.erasure.reconsiderAll(actor: "night")
      #expect(try await house.states(["m1", "m2", "m3", "m4"]) == [.erased, .erased, .erased, .live])
      #expect(try await house.erasure.find(id).state == .completed)
      try await house.release(own)
    }
  }

  @Test("A backup from before the erasure of a message does not bring it back")
  func replayed() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      let id = try await approved(house, .message("m2"))
      _ = try await house.erasure.run(id, actor: "dpo")
      // As a restored database would have it.
      try await house.database.transaction { tx in
        _ = try tx.execute("DELETE FROM erasure")
        _ = try tx.execute("UPDATE message_locator SET state = 1 WHERE state = 4")
      }
      let revived = try await ErasureService.revived(database: house.database, home: house.home)
      #expect(revived.map(\.erasure) == [id])
      for entry in revived { _ = try await house.erasure.replay(entry, actor: "restore") }
      #expect(try await house.states(["m1", "m2"]) == [.live, .erased])
      #expect(try await ErasureService.revived(database: house.database, home: house.home).isEmpty)
    }
  }

  @Test("What is not known, or not named as it has to be, is refused")
  func refused() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      for target in [
        ErasureTarget.message("nope"), .conversation("nope"), .subjectIn(subject: "zoe", conversation: "c"),
      ] {
        let error = await #expect(throws: ErasureError.self) {
          try await house.erasure.request(target, reason: "r", actor: "a")
        }
        #expect(error?.code == .unknownTarget)
      }
      for subject in ["a", nil] {
        let message = subject.map { _ in "m" }
        let error = #expect(throws: ErasureError.self) {
          try ErasureTarget(subject: subject, conversation: nil, message: message)
        }
        #expect(error?.code == .badTarget)
      }
    }
  }
}

extension Events {
  static var after: Timestamp { ErasureHouse.start.adding(seconds: 100 * ErasureHouse.day) }
}
