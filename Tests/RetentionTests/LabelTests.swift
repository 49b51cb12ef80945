import Catalog
import Dispatch
import Governance
import History
import KeyVault
import Model
import Postgres
import Retention
import Testing

@Suite("Labels that policies are for")
struct LabelTests {
  @discardableResult
  private func label(_ house: RetentionHouse, _ label: String?, _ target: LabelTarget) async throws
    -> LabelView
  {
    try await house.retention().setLabel(label, on: target, justification: "j", actor: "law")
  }

  /// A floor of a year for `record`, a ceiling of ten days for `junk`, and one of thirty for everything.
  private func policies(_ house: RetentionHouse) async throws {
    try await house.set(
      .entry("records", .label("record"), retain: "1y"), .entry("junk", .label("junk"), delete: "10d"),
      .entry("default", delete: "30d"))
  }

  @Test(
    "A message's own label stands in for its conversation's, and a conversation's covers what comes later")
  func precedence() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await policies(house)
      try await house.send(["a", "b", "c"], in: "room")
      try await house.send(["plain"], in: "hall")
      try await label(house, "record", .conversation("room"))
      try await label(house, "junk", .message("b"))
      try await label(house, "junk", .message("c"))
      let off = try await label(house, nil, .message("c"))
      #expect((off.message, off.conversation, off.row.label) == ("c", "room", nil))
      try await house.send(["later"], in: "room")
      #expect(try await service.explain("a")?.label == "record")
      #expect(try await service.explain("b")?.label == "junk")
      #expect(try await service.explain("c")?.label == "record")
      #expect(try await service.explain("plain")?.label == nil)
      house.advance(days: 20)
      #expect(try await service.preview().totals.due == 1)
      #expect(try await service.apply(actor: "job").deleted == 1)
      #expect(
        try await house.states(["a", "b", "c", "later", "plain"]) == [.live, .expired, .live, .live, .live])
      house.advance(days: 20)
      #expect(try await service.apply(actor: "job").deleted == 1)
      #expect(try await house.states(["a", "c", "later", "plain"]) == [.live, .live, .live, .expired])
      house.advance(days: 365)
      #expect(try await service.apply(actor: "job").deleted == 3)
      // Labels of messages go with them; the conversation's stays, as the conversation does.
      #expect(try await service.labels().map(\.conversation) == ["room"])
      #expect(try await house.count("SELECT count(*) FROM retention_label WHERE kind = 2") == 0)
    }
  }

  @Test("Archived messages are kept and deleted by their labels as others are")
  func cold() async throws {
    try await RetentionHouse.with { house in
      try await policies(house)
      let keys = try await house.send(["kept", "junk", "plain"], in: "room")
      try await label(house, "record", .message("kept"))
      try await label(house, "junk", .message("junk"))
      // What the archive has, the hot table has not.
      try await house.database.transaction { tx in
        let found = try Locators.find(keys, in: tx).values
        _ = try Messages.removeHot(found.map { ($0.route, $0.conversation, $0.position) }, in: tx)
      }
      house.advance(days: 15)
      #expect(try await house.retention().apply(actor: "job").deleted == 1)
      #expect(try await house.states(["kept", "junk", "plain"]) == [.live, .expired, .live])
      house.advance(days: 200)
      #expect(try await house.retention().apply(actor: "job").deleted == 1)
      #expect(try await house.states(["kept", "plain"]) == [.live, .expired])
    }
  }

  @Test("A conversation whose key somebody lets go of meanwhile is not taken for an erased one")
  func keyNotAtHand() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["a"], in: "room")
      let card = try #require(try await house.directory.conversation("room"))
      let owner = KeyOwner.conversation(house.tenant, card.conversation)
      // As rotations and erasures do, of anybody.
      let forgetting = Task {
        while !Task.isCancelled {
          house.vault.forget([owner])
          await Task.yield()
        }
      }
      defer { forgetting.cancel() }
      for day in 1...20 {
        try await label(house, day.isMultiple(of: 2) ? "record" : "junk", .conversation("room"))
        _ = try await service.stateEvent(
          "left", of: .conversation("room"), at: house.now.adding(seconds: Int64(day)), justification: "j",
          actor: "law")
      }
    }
  }

  @Test("A month in which a label keeps one message keeps its key")
  func period() async throws {
    try await RetentionHouse.with { house in
      try await policies(house)
      try await house.send(["kept", "plain"], in: "room")
      try await label(house, "record", .message("kept"))
      house.advance(days: 200)
      let service = house.retention()
      let run = try await service.apply(actor: "job")
      #expect(run.deleted == 1 && run.expiredPeriods.isEmpty)
      #expect(try await service.explain("kept")?.readable == true)
      house.advance(days: 200)
      #expect(try await service.apply(actor: "job").expiredPeriods.map(\.description) == ["2024-01"])
    }
  }

  /// The switch stops compiling when a path is added.
  @Test(
    "A label that keeps is seen by every path of deletion, an erasure's if its policy is locked",
    arguments: DeletionReason.allCases, [false, true])
  func everyPath(reason: DeletionReason, locked: Bool) async throws {
    try await RetentionHouse.with { house in
      try await house.set(
        .entry("records", .label("record"), retain: "1y", locked: locked), .entry("default", delete: "30d"))
      let keys = try await house.send(["own", "shared", "free"], in: "room")
      let shared = try await house.send(["shared room"], in: "shared")
      try await label(house, "record", .message("own"))
      try await label(house, "record", .conversation("shared"))
      house.advance(days: 40)
      let (tenant, now, all) = (house.tenant, house.now, keys + shared)
      let outcome = try await house.database.transaction { tx in
        try Deletions.delete(all, for: reason, tenant: tenant, at: now, in: tx)
      }
      switch reason {
      case .deletedByMember, .retention: #expect(Set(outcome.floored.keys) == [keys[0], shared[0]])
      case .erasure:
        #expect(Set(outcome.floored.keys) == (locked ? [keys[0], shared[0]] : []))
      }
      #expect(Set(outcome.deleted.map(\.key)) == Set(all).subtracting(outcome.floored.keys))
    }
  }

  @Test("A label that is put on while a deletion is open waits, and keeps the rest")
  func concurrent() async throws {
    try await RetentionHouse.with { house in
      try await policies(house)
      let keys = try await house.send(["first", "second"], in: "room")
      house.advance(days: 40)
      let (tenant, now) = (house.tenant, house.now)
      let (opened, open) = AsyncStream<Void>.makeStream()
      let gate = DispatchSemaphore(value: 0)
      async let deletion: Void = house.database.transaction { tx in
        _ = try Deletions.delete([keys[0]], for: .retention, tenant: tenant, at: now, in: tx)
        open.yield()
        gate.wait()
      }
      for await _ in opened { break }
      async let labelled = label(house, "record", .conversation("room"))
      try await house.waitUntilSomebodyWaits()
      gate.signal()
      try await deletion
      _ = try await labelled
      #expect(try await house.retention().apply(actor: "job").deleted == 0)
      #expect(try await house.states(["first", "second"]) == [.expired, .live])
    }
  }

  @Test("What is due by a label that was changed goes after the grace, what members deleted under it too")
  func settling() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await policies(house)
      try await house.send(["junk", "kept", "theirs"], in: "room")
      try await label(house, "record", .conversation("room"))
      try await house.deleteByMember("theirs")
      #expect(try await house.state("theirs") == .restricted)
      house.advance(days: 60)
      try await label(house, "junk", .message("junk"))
      let fresh = try await service.apply(actor: "job")
      #expect((fresh.pending, fresh.deleted, fresh.released) == (1, 0, 0))
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 1)
      try await label(house, nil, .conversation("room"))
      let off = try await service.apply(actor: "job")
      #expect((off.pending, off.deleted, off.released) == (2, 0, 0))
      house.advance(days: 1)
      let run = try await service.apply(actor: "job")
      #expect(run.deleted + run.released == 2)
      #expect(try await house.count("SELECT count(*) FROM message_locator WHERE state IN (1, 5)") == 0)
    }
  }

  @Test("A label that a locked policy is for is neither taken off nor replaced, nor stood in for")
  func locked() async throws {
    try await RetentionHouse.with { house in
      try await house.set(
        .entry("law", .label("record"), retain: "1y", locked: true), .entry("free", .label("x"), retain: "1y")
      )
      try await house.send(["own", "other"], in: "room")
      try await house.send(["m"], in: "hall")
      try await label(house, "record", .message("own"))
      try await label(house, "record", .conversation("hall"))
      let refused: [(String?, LabelTarget)] = [
        (nil, .message("own")), ("x", .message("own")), (nil, .conversation("hall")),
        ("x", .conversation("hall")), ("x", .message("m")),
      ]
      for (name, target) in refused {
        let error = await #expect(throws: RetentionError.self) { try await label(house, name, target) }
        #expect(error?.code == .lockedPolicy && error?.isRefusal == true)
      }
      try await label(house, "x", .message("other"))
      try await label(house, "record", .message("other"))
      try await label(house, "record", .message("m"))
      try await label(house, "x", .conversation("room"))
      try await label(house, nil, .conversation("room"))
      #expect(try await house.retention().labels("record").count == 4)
    }
  }

  @Test("What was labelled, and why, is in the audit log; the same again is not")
  func audited() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m"], in: "room")
      let first = try await label(house, "record", .message("m"))
      let again = try await label(house, "record", .message("m"))
      #expect(first == again && first.message == "m" && first.conversation == "room")
      try await label(house, "junk", .message("m"))
      try await label(house, nil, .message("m"))
      try await label(house, nil, .message("m"))
      #expect(try await house.count(audited: "label.applied") == 2)
      #expect(try await house.count(audited: "label.removed") == 1)
      #expect(try await house.count("SELECT count(*) FROM audit_mention WHERE part = 'message'") == 3)
      #expect(try await house.retention().labels().isEmpty)
    }
  }

  @Test("What is not known, or not named as it has to be, is refused")
  func refusals() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m", "gone"], in: "room")
      try await house.deleteByMember("gone")
      let cases: [(String?, LabelTarget, String, RetentionError.Code)] = [
        ("Zoë", .message("m"), "j", .invalidLabel), (" x", .message("m"), "j", .invalidLabel),
        ("x", .message("m"), "", .invalidLabel), ("x", .message("never"), "j", .unknownMessage),
        ("x", .message("gone"), "j", .unknownMessage),
        ("x", .conversation("nowhere"), "j", .unknownConversation),
      ]
      for (name, target, justification, code) in cases {
        let error = await #expect(throws: RetentionError.self) {
          try await house.retention().setLabel(name, on: target, justification: justification, actor: "law")
        }
        #expect(error?.code == code)
      }
      #expect(try await house.count("SELECT count(*) FROM retention_label") == 0)
    }
  }
}
