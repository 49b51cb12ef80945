import Catalog
import Erasure
import Exporting
import Foundation
import Governance
import Model
import Postgres
import Retention
import Synchronization
import Testing

/// Bugs that others had, where several rooms of the house meet; the other cases are in the tests of their rooms, and
/// a test of TidyTests counts them.
@Suite struct PeersCasesTests {
  private func ids(_ text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard object?["type"] as? String == "message.created" else { return nil }
      return object?["message_id"] as? String
    }
  }

  @Test("case 1: messages of one instant are exported each exactly once")
  func oneInstant() async throws {
    try await ErasureHouse.with { house in
      let names = (0..<2_100).map { "m\($0)" }
      try await house.deliver(names.map { Events.message($0, "ann", "text \($0)") })
      let hold = try await house.hold(HoldRequest(matter: "M", reason: "suit"))
      #expect(ids(try await house.evidence(hold)).sorted() == names.sorted())
    }
  }

  @Test("case 4: a thread's old root goes, its living replies stay and name it", arguments: [false, true])
  func oldRoot(archived: Bool) async throws {
    try await ErasureHouse.with { house in
      let reply = Events.message("reply", "ben", "answer of ben", day: 300)
        .replacing(#""body""#, with: #""reply_to":"root","thread_id":"root","body""#)
      try await house.deliver([Events.message("root", "ann", "question of ann"), reply])
      if archived { try await house.archive() }
      try await house.set(.init(name: "year", deleteAfter: RetentionLength("365d")))
      house.advance(days: 400)
      #expect(try await house.retention.apply(actor: "job").deleted == 1)
      #expect(try await house.states(["root", "reply"]) == [.expired, .live])
      let hold = try await house.hold(HoldRequest(matter: "M", reason: "suit"))
      let evidence = try await house.evidence(hold)
      #expect(ids(evidence) == ["reply"])
      #expect(evidence.contains(#""reply_to":"root""#))
    }
  }

  @Test("case 5: a description of an attachment goes with its message, and stays where another has it")
  func sharedAttachment() async throws {
    try await ErasureHouse.with { house in
      let file =
        #""attachments":[{"id":"f1","name":"plan.pdf","mime_type":"application/pdf","size":9}],"body""#
      try await house.deliver([
        Events.message("first", "ann", "see the plan").replacing(#""body""#, with: file),
        Events.message("again", "ben", "the plan again", day: 300).replacing(#""body""#, with: file),
      ])
      try await house.set(.init(name: "year", deleteAfter: RetentionLength("365d")))
      house.advance(days: 400)
      _ = try await house.retention.apply(actor: "job")
      let evidence = try await house.evidence(try await house.hold(HoldRequest(matter: "M", reason: "suit")))
      #expect(ids(evidence) == ["again"])
      #expect(evidence.components(separatedBy: "plan.pdf").count == 2)
    }
  }

  @Test(
    "case 7 and case 12: an erasure that fails midway is partial, uncertified, and finished by running it again"
  )
  func failsMidway() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let hold = try await house.hold(HoldRequest(matter: "M", to: ErasureHouse.start, reason: "suit"))
      _ = try await house.evidence(hold)
      let breaking = Breaking()
      let service = house.erasure { try breaking.pass() }
      let id = try await house.approved("ann")
      await #expect(throws: HouseError.self) { try await service.run(id, actor: "alice") }
      let row = try await service.find(id)
      #expect((row.state, row.certificate) == (.partial, nil))
      let error = await #expect(throws: ErasureError.self) { try await service.verify(id) }
      #expect(error?.code == .notCompleted)
      let certificate = try await service.run(id, actor: "alice")
      #expect(try certificate.statement().status == "complete")
      // A second run is a no-op.
      #expect(try await service.run(id, actor: "alice").payload == certificate.payload)
      #expect(
        try await house.count("SELECT count(*) FROM audit_entry WHERE action = 'erasure.completed'") == 1)
    }
  }

  @Test(
    "case 9: evidence is complete after an edit, a deletion, a deactivation and the end of the conversation")
  func evidence() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.join("ann"), Events.message("edited", "ann", "first wording"),
        Events.message("deleted", "ann", "deleted wording"),
      ])
      let hold = try await house.hold(HoldRequest(matter: "M", custodians: ["ann"], reason: "suit"))
      try await house.deliver([
        Events.edit("edited", "ann", "second wording"), Events.delete("deleted", "ann"),
        #"{"type":"user.deactivated","subject_id":"ann"}"#,
        #"{"type":"conversation.closed","conversation_id":"c","at":"\#(Events.time(2))"}"#,
      ])
      try await house.set(.init(name: "day", deleteAfter: RetentionLength("1d")))
      house.advance(days: 30)
      _ = try await house.retention.apply(actor: "job")
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "alice")
      let evidence = try await house.evidence(hold)
      for text in ["first wording", "second wording", "deleted wording", #""sender_id":"ann""#] {
        #expect(evidence.contains(text), "\(text)")
      }
      let coverage = try await house.holds.coverage(hold, groups: 2) { _ in .max }
      #expect((coverage.kept, coverage.gone, coverage.unreadable) == (2, 0, 0))
    }
  }

  @Test("An erasure of a message that fails midway takes the packages with it when it is run again")
  func scopedFailsMidway() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let hold = try await house.hold(HoldRequest(matter: "M", reason: "suit"))
      _ = try await house.evidence(hold)
      try await house.release(hold)
      let breaking = Breaking()
      let service = house.erasure { try breaking.pass() }
      let row = try await service.request(.message("m"), reason: "r", actor: "alice")
      _ = try await service.plan(row.id)
      try await service.approve(row.id, actor: "bob")
      await #expect(throws: HouseError.self) { try await service.run(row.id, actor: "dpo") }
      #expect(try await service.find(row.id).state == .partial)
      // Withdrawn with the message, its files still there.
      #expect(try await house.count("SELECT count(*) FROM export WHERE state = 'withdrawn'") == 1)
      let statement = try await service.run(row.id, actor: "dpo").statement()
      #expect(statement.status == "complete" && statement.stores.packages == 1)
      #expect(try await house.count("SELECT count(*) FROM export WHERE sealed <> ''") == 0)
      let left = try FileManager.default.subpathsOfDirectory(atPath: house.home + "/exports")
      #expect(left.filter { $0.hasSuffix("jsonl") } == [])
    }
  }

  @Test("A package that was finished while a message went is found, and goes with the next run")
  func packageMeanwhile() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let row = try await house.erasure.request(.message("m"), reason: "r", actor: "alice")
      _ = try await house.erasure.plan(row.id)
      try await house.erasure.approve(row.id, actor: "bob")
      _ = try await house.erasure.run(row.id, actor: "dpo")
      // As if the run had died before it looked for packages.
      try await house.deliver([Events.message("other", "ann", "other text of ann")])
      let hold = try await house.hold(HoldRequest(matter: "M", reason: "suit"))
      _ = try await house.evidence(hold)
      let day = "'\(ErasureHouse.start.rfc3339)'::timestamptz"
      try await house.database.transaction { tx in
        try tx.executeScript(
          "UPDATE export SET created_at = \(day); UPDATE erasure SET requested_at = \(day)")
      }
      #expect(try await house.erasure.verify(row.id) == ["packages: 1"])
      try await house.database.transaction { tx in
        try tx.executeScript("UPDATE erasure SET state = 'partial', completed_at = NULL")
      }
      #expect(try await house.erasure.run(row.id, actor: "dpo").statement().status == "complete")
      #expect(try await house.erasure.verify(row.id).isEmpty)
    }
  }

  /// A retry keeps to what was approved; only a duty that is locked binds it, whenever it came.
  @Test("case 13: a policy that is changed between a failed erasure and its retry does not change it")
  func changedPolicy() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let breaking = Breaking()
      let service = house.erasure { try breaking.pass() }
      let id = try await house.approved("ann")
      await #expect(throws: HouseError.self) { try await service.run(id, actor: "alice") }
      try await house.set(.init(name: "keep", retain: RetentionLength("9y")))
      #expect(try await service.run(id, actor: "alice").statement().status == "complete")
      #expect(try await house.states(["m"]) == [.erased])
    }
  }
}

/// Fails once, where files are deleted after the database forgot them.
final class Breaking: Sendable {
  private let broken = Mutex(false)
  func pass() throws {
    let first = broken.withLock { was in
      defer { was = true }
      return !was
    }
    if first { throw HouseError(reason: "the disk was away") }
  }
}
