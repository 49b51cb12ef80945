import Catalog
import History
import KeyVault
import Model
import Postgres
import Retention
import Testing

@Suite("Holds by query")
struct HoldByQueryTests {
  private static let query = "merger -lunch"

  private func say(_ house: RetentionHouse, _ texts: [String: String], in conversation: String = "general")
    async throws
  {
    for (id, text) in texts.sorted(by: { $0.key < $1.key }) {
      try await house.send([MessagePayload(messageID: id, body: .plain(text))], in: conversation)
    }
  }

  private func place(_ house: RetentionHouse, _ query: String = Self.query) async throws -> Int64 {
    try await house.holds.place(HoldRequest(matter: "M", query: query, reason: "R"), actor: "law")
  }

  private func expired(_ house: RetentionHouse) async throws {
    house.advance(days: 40)
    try await house.set(.entry("default", delete: "30d"))
  }

  @Test("retention keeps what matches, what is sealed and what came since, and deletes the rest")
  func retention() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["match": "the merger plan", "other": "the weather", "lunch": "merger lunch"])
      let sealed = MessagePayload(messageID: "sealed", body: .sealed(SealedBody(ciphertext: [1])))
      try await house.send([sealed])
      try await expired(house)
      let hold = try await place(house)
      let ids = ["match", "other", "lunch", "sealed"]
      let before = try await house.retention().apply(actor: "job")
      #expect((before.deleted, before.held) == (0, 4), "nothing was read yet")
      let done = try await house.holds.evaluate(hold, actor: "job")
      #expect((done.read, done.unread) == (4, 0))
      #expect(done.findings == [.matches: 1, .undecided: 1, .doesNotMatch: 2])
      try await house.send(
        [MessagePayload(messageID: "late", body: .plain("late news"))], at: RetentionHouse.start)
      let run = try await house.retention().apply(actor: "job")
      #expect((run.deleted, run.held, run.holds) == (2, 3, [hold]))
      #expect(try await house.states(ids + ["late"]) == [.live, .expired, .expired, .live, .live])
      let shown = try await house.holds.show(hold).query
      #expect(shown?.text == Self.query && shown?.evaluatedAt == house.now)
      #expect((shown?.matches, shown?.undecided, shown?.excluded) == (1, 1, 2))
      // What was let go for its finding is no gap in the evidence.
      let coverage = try await house.holds.coverage(hold, groups: RetentionHouse.groups) { _ in .max }
      #expect((coverage.kept, coverage.gone, coverage.undecided, coverage.isComplete) == (3, 0, 2, true))
    }
  }

  @Test("every path of deletion asks what was found", arguments: DeletionReason.allCases)
  func everyPath(reason: DeletionReason) async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["match": "merger", "other": "weather"])
      let hold = try await place(house)
      _ = try await house.holds.evaluate(hold, actor: "job")
      try await say(house, ["unread": "weather"])
      let (tenant, keys) = (
        house.tenant, ["match", "other", "unread"].map(house.directory.hasher.messageKey)
      )
      let outcome = try await house.database.transaction { tx in
        try Deletions.delete(keys, for: reason, tenant: tenant, at: house.now, in: tx)
      }
      #expect(outcome.deleted.map(\.key) == [keys[1]])
      #expect(Set(outcome.held.map(\.key)) == [keys[0], keys[2]])
    }
  }

  @Test("an edit is held until it is read, and what matched once stays")
  func edits() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["was": "merger", "becomes": "weather", "never": "weather"])
      let hold = try await place(house)
      _ = try await house.holds.evaluate(hold, actor: "job")
      try await house.edit("was", to: MessagePayload(messageID: "was", body: .plain("nothing")))
      try await house.edit("becomes", to: MessagePayload(messageID: "becomes", body: .plain("merger")))
      try await house.edit("never", to: MessagePayload(messageID: "never", body: .plain("sunshine")))
      let keys = ["was", "becomes", "never"].map(house.directory.hasher.messageKey)
      func held() async throws -> Set<MessageKey> {
        Set(try await house.database.transaction { tx in try Deletions.heldBy(keys, in: tx) }.keys)
      }
      #expect(try await held() == Set(keys))
      let again = try await house.holds.evaluate(hold, actor: "job")
      #expect(again.read == 2, "what matched is not read again")
      #expect(try await held() == [keys[0], keys[1]])
      #expect(try await house.holds.evaluate(hold, actor: "job").read == 0)
    }
  }

  @Test("what a member deleted goes once it is found not to match, and stays where it does")
  func deletedByMembers() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["match": "merger", "other": "weather"])
      let hold = try await place(house)
      for id in ["match", "other"] { try await house.deleteByMember(id) }
      #expect(try await house.states(["match", "other"]) == [.restricted, .restricted])
      _ = try await house.holds.evaluate(hold, actor: "job")
      house.advance(days: 3)
      #expect(try await house.retention().apply(actor: "job").released == 1)
      #expect(try await house.states(["match", "other"]) == [.restricted, .deleted])
    }
  }

  @Test("a message whose key is destroyed stays held, and is no finding")
  func unreadable() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["other": "weather"])
      let hold = try await place(house)
      let ann = try #require(try await house.directory.subject("ann"))
      let (owner, now) = (KeyOwner.subject(house.tenant, ann), house.now)
      try await house.database.transaction { tx in
        try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
      }
      house.vault.forget([owner])
      let done = try await house.holds.evaluate(hold, actor: "job")
      #expect((done.read, done.unread) == (0, 1))
      let coverage = try await house.holds.coverage(hold, groups: RetentionHouse.groups) { _ in .max }
      #expect((coverage.kept, coverage.undecided, coverage.unreadable) == (1, 1, 1))
    }
  }

  @Test("a hold whose query cannot be opened keeps all it covers, and the others are evaluated")
  func failing() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["other": "weather"])
      let (lost, sound) = (try await place(house), try await place(house))
      let (owner, now) = (KeyOwner.matter(house.tenant, lost), house.now)
      try await house.database.transaction { tx in
        try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
      }
      house.vault.forget([owner])
      let result = try await house.holds.evaluateAll(actor: "job")
      #expect(result.failed == [lost])
      let key = house.directory.hasher.messageKey("other")
      let held = try await house.database.transaction { tx in try Deletions.heldBy([key], in: tx) }
      #expect(held[key] == [lost])
      let (closed, open) = (try await house.holds.show(lost).query, try await house.holds.show(sound).query)
      #expect(closed?.text == "" && closed?.excluded == 0 && closed?.evaluatedAt == nil)
      #expect(open?.text == Self.query && open?.excluded == 1)
    }
  }

  @Test("a release forgets what was found, and what is left behind goes the next time")
  func release() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["match": "merger", "other": "weather"])
      let hold = try await place(house)
      _ = try await house.holds.evaluate(hold, actor: "job")
      #expect(try await house.count("SELECT count(*) FROM hold_finding") == 2)
      try await house.holds.release(hold, reason: "settled", actor: "law")
      #expect(try await house.count("SELECT count(*) FROM hold_finding") == 0)
      #expect(try await house.holds.show(hold).query?.text == Self.query)
      #expect(try await house.holds.evaluate(hold, actor: "job").read == 0)
      try await house.database.transaction { tx in
        try tx.execute(
          "INSERT INTO hold_finding SELECT route_key, message_low, \(hold), 1, 0 FROM message_locator")
      }
      _ = try await house.holds.evaluateAll(actor: "job")
      #expect(try await house.count("SELECT count(*) FROM hold_finding") == 0)
    }
  }

  @Test("the query is in no row and no entry of the audit log in the clear, and no error repeats it")
  func secrecy() async throws {
    try await RetentionHouse.with { house in
      try await say(house, ["other": "weather"])
      let hold = try await place(house, "xylophone OR zeppelin")
      _ = try await house.holds.evaluate(hold, actor: "job")
      let clear = try await house.count(
        """
        SELECT (SELECT count(*) FROM audit_entry WHERE encode(entry, 'escape') ~* 'xylophone|zeppelin')
          + (SELECT count(*) FROM hold WHERE encode(sealed, 'escape') ~* 'xylophone|zeppelin')
        """)
      #expect(clear == 0)
      #expect(try await house.count(audited: "hold.evaluated") == 1)
      let error = await #expect(throws: RetentionError.self) { try await place(house, "\"xylophone") }
      #expect(error?.code == .invalidHold && error?.description.contains("xylophone") == false)
    }
  }

  @Test("messages that come, change and go while a hold is evaluated are never lost to it")
  func races() async throws {
    try await RetentionHouse.with { house in
      try await expired(house)
      let hold = try await place(house)
      let rounds = 12
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          for round in 0..<rounds {
            let (kept, other) = ("kept-\(round)", "other-\(round)")
            try await house.send(
              [
                MessagePayload(messageID: kept, body: .plain("merger \(round)")),
                MessagePayload(messageID: other, body: .plain("weather \(round)")),
                MessagePayload(messageID: "edited-\(round)", body: .plain("weather")),
              ], at: RetentionHouse.start)
            try await house.edit(
              "edited-\(round)", to: MessagePayload(messageID: "edited-\(round)", body: .plain("a merger")))
          }
        }
        tasks.addTask { for _ in 0..<rounds { _ = try await house.holds.evaluate(hold, actor: "job") } }
        tasks.addTask { for _ in 0..<rounds { _ = try await house.retention().apply(actor: "job") } }
        try await tasks.waitForAll()
      }
      _ = try await house.holds.evaluate(hold, actor: "job")
      _ = try await house.retention().apply(actor: "job")
      let kept = (0..<rounds).map { "kept-\($0)" }
      #expect(try await house.states(kept) == kept.map { _ in .live })
      let others = (0..<rounds).map { "other-\($0)" }
      #expect(try await house.states(others) == others.map { _ in .expired })
      // Between a message and its edit it may be found not to match, and go: then the edit is one of nothing.
      let edited = try await house.states((0..<rounds).map { "edited-\($0)" })
      #expect(edited.allSatisfy { $0 == .live || $0 == .expired })
    }
  }
}
