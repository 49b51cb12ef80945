import Catalog
import Governance
import Model
import Postgres
import Retention
import Testing

@Suite("What a label or an event would do, before it is stated")
struct StatementPreviewTests {
  private static let day = RetentionHouse.day

  private func label(_ house: RetentionHouse, _ label: String?, _ target: LabelTarget) async throws
    -> StatementPreview
  {
    try await house.retention().previewLabel(label, on: target, justification: "j")
  }

  private func event(_ house: RetentionHouse, of target: EventTarget, at time: Timestamp?) async throws
    -> StatementPreview
  {
    try await house.retention().previewEvent("ended", of: target, at: time, justification: "j")
  }

  private func code(_ body: () async throws -> StatementPreview) async throws -> RetentionError.Code? {
    do {
      _ = try await body()
      return nil
    } catch let error as RetentionError {
      return error.code
    }
  }

  private func labelPolicies(_ house: RetentionHouse) async throws {
    try await house.set(
      .entry("records", .label("record"), retain: "1y"), .entry("junk", .label("junk"), delete: "10d"),
      .entry("default", delete: "30d"))
  }

  @Test("A label's preview is what the run deletes once it has settled, and stores nothing")
  func labelled() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await labelPolicies(house)
      try await house.send(["own", "b", "c"], in: "room")
      try await house.send(["held"], by: "bob", in: "room")
      try await house.send(["elsewhere"], in: "hall")
      _ = try await service.setLabel("record", on: .message("own"), justification: "j", actor: "law")
      _ = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob"], reason: "R"), actor: "law")
      house.advance(days: 15)
      try await house.send(["young"], in: "room")
      let audited = try await house.count("SELECT count(*) FROM audit_entry")
      let found = try await label(house, "junk", .conversation("room"))
      let totals = found.preview.totals
      #expect((totals.due, totals.earlier, totals.later, totals.held) == (2, 1, 0, 1))
      #expect(
        found.settlesAt == house.now.adding(seconds: Self.day) && found.preview.goesAt == found.settlesAt)
      #expect(found.preview.rows.first?.samples == ["b", "c"] && found.preview.rows.count == 1)
      #expect(try await service.labels().count == 1)
      #expect(try await house.count("SELECT count(*) FROM audit_entry") == audited)
      #expect(try await service.explain("b")?.label == nil)

      _ = try await service.setLabel("junk", on: .conversation("room"), justification: "j", actor: "law")
      #expect(try await service.apply(actor: "job").deleted == 0)
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 2)
      #expect(
        try await house.states(["own", "b", "c", "held", "young", "elsewhere"])
          == [.live, .expired, .expired, .live, .live, .live])
    }
  }

  @Test("Of one message: sooner, longer, or as before")
  func oneMessage() async throws {
    try await RetentionHouse.with { house in
      try await labelPolicies(house)
      try await house.send(["m"], in: "room")
      let created = house.now
      let junk = try await label(house, "junk", .message("m"))
      #expect(junk.preview.totals.earlier == 1 && junk.preview.examined == 1)
      #expect(junk.preview.goesAt == created.adding(seconds: 10 * Self.day))
      let record = try await label(house, "record", .message("m"))
      #expect(record.preview.totals.later == 1 && record.preview.goesAt == nil)
      let other = try await label(house, "nothing is for it", .message("m"))
      #expect(other.preview.rows.isEmpty && other.preview.examined == 1)
    }
  }

  @Test("A policy that is announced counts, if it is in force when the label has settled")
  func announced() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["m"], in: "room")
      house.advance(days: 15)
      let junk = PolicyDocument(policies: [.entry("junk", .label("junk"), delete: "10d")])
      _ = try await house.retention().set(junk, actor: "admin")
      #expect(try await label(house, "junk", .message("m")).preview.totals.due == 1)
    }
  }

  @Test("Each event's preview is what the run deletes once it has settled")
  func events() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.set(.entry("contracts", delete: "10d", clock: .event("ended")))
      try await house.send(["a1", "a2"], by: "ann", in: "deal")
      try await house.send(["b1"], by: "bob", in: "deal")
      try await house.send(["c1"], by: "ann", in: "other")
      house.advance(days: 20)
      let past = house.now.adding(seconds: -15 * Self.day)
      let deal = try await event(house, of: .conversation("deal"), at: past)
      #expect((deal.preview.totals.due, deal.preview.goesAt) == (3, deal.settlesAt))
      let ann = try await event(house, of: .subject("ann"), at: past)
      #expect(ann.preview.totals.due == 3 && Set(ann.preview.rows.map(\.conversation)) == ["deal", "other"])
      let now = try await event(house, of: .subject("ann"), at: house.now)
      #expect((now.preview.totals.due, now.preview.totals.earlier) == (0, 3))
      #expect(now.preview.goesAt == house.now.adding(seconds: 10 * Self.day))
      #expect(try await service.events().isEmpty)

      _ = try await service.stateEvent(
        "ended", of: .subject("ann"), at: house.now, justification: "j", actor: "law")
      // Of author and conversation, the later one counts.
      let again = try await event(house, of: .conversation("deal"), at: past)
      #expect((again.preview.totals.due, again.preview.totals.earlier) == (1, 0))
      let withdrawn = try await event(house, of: .subject("ann"), at: nil)
      #expect((withdrawn.preview.totals.later, withdrawn.preview.goesAt) == (3, nil))
      _ = try await service.stateEvent(
        "ended", of: .conversation("deal"), at: past, justification: "j", actor: "law")
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 1)
      #expect(try await house.states(["a1", "a2", "b1", "c1"]) == [.live, .live, .expired, .live])
    }
  }

  @Test("What would be refused is refused, and a second of the same says nothing")
  func refusals() async throws {
    try await RetentionHouse.with { house in
      try await house.set(
        .entry("law", .label("record"), retain: "1y", locked: true),
        .entry("contracts", retain: "1d", delete: "10d", clock: .event("ended"), locked: true))
      try await house.send(["m"], in: "room")
      let service = house.retention()
      _ = try await service.setLabel("record", on: .message("m"), justification: "j", actor: "law")
      _ = try await service.stateEvent(
        "ended", of: .conversation("room"), at: house.now, justification: "j", actor: "law")
      let earlier = house.now.adding(seconds: -Self.day)
      #expect(try await code { try await label(house, nil, .message("m")) } == .lockedPolicy)
      #expect(try await code { try await label(house, " x", .message("m")) } == .invalidLabel)
      #expect(try await code { try await label(house, "x", .message("nowhere")) } == .unknownMessage)
      #expect(
        try await code { try await label(house, "x", .conversation("nowhere")) } == .unknownConversation)
      #expect(
        try await code { try await event(house, of: .conversation("room"), at: earlier) } == .lockedPolicy)
      #expect(
        try await code { try await event(house, of: .subject("nobody"), at: earlier) } == .unknownSubject)
      #expect(try await label(house, "record", .message("m")).preview.rows.isEmpty)
      #expect(try await event(house, of: .conversation("room"), at: house.now).preview.rows.isEmpty)
    }
  }
}
