import Catalog
import Governance
import Model
import Postgres
import Retention
import Testing

@Suite("Disposition reviews")
struct ReviewTests {
  private func policies(_ house: RetentionHouse, review: Bool = true) async throws {
    try await house.set(
      PolicyDocument.Entry(
        name: "reviewed", deleteAfter: RetentionLength("30d"), review: review),
      .entry("slow", .conversation("other"), delete: "100d"))
  }

  /// Two messages in January and one in February of one conversation, all due; the second person is `bob`.
  private func queued(_ house: RetentionHouse) async throws -> [ReviewView] {
    try await house.converse("other")
    try await house.send(["m1", "m2"])
    try await house.send(["m3"], at: RetentionHouse.start.adding(seconds: 35 * RetentionHouse.day))
    try await policies(house)
    house.advance(days: 90)
    let run = try await house.retention().apply(actor: "night")
    #expect(run.deleted == 0 && run.due == 0 && run.inReview == 3 && run.problem == nil)
    return try await house.retention().reviews().sorted { $0.row.group.period < $1.row.group.period }
  }

  @Test("What is due waits by conversation and month, and nothing of it is deleted")
  func queue() async throws {
    try await RetentionHouse.with { house in
      let groups = try await queued(house)
      #expect(groups.map(\.row.messages) == [2, 1])
      #expect(groups.map(\.conversation) == ["general", "general"])
      #expect(groups.map(\.row.group.period.description) == ["2024-01", "2024-02"])
      _ = try await house.retention().apply(actor: "night")
      let again = try await house.retention().reviews()
      #expect(Set(again.map(\.row.id)) == Set(groups.map(\.row.id)))
      let why = try await house.retention().explain("m1")
      #expect(why?.disposition?.verdict == .review)
    }
  }

  @Test(
    "A deletion is proposed by one, approved by another, carried out by the next run, and proven in the audit log"
  )
  func delete() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let january = try await queued(house)[0].row.id
      let proposed = try await service.decide(
        january, .delete, justification: "no value left", actor: "alice")
      #expect(proposed.row.state == .proposed && proposed.justification == "no value left")
      _ = try await service.apply(actor: "night")
      #expect(try await house.states(["m1", "m2", "m3"]) == [.live, .live, .live])
      let alone = await #expect(throws: RetentionError.self) {
        try await service.approveReview(january, actor: "alice")
      }
      #expect(alone?.code == .samePerson)
      #expect(try await service.approveReview(january, actor: "bob").row.state == .decided)
      let run = try await service.apply(actor: "night")
      #expect(run.deleted == 2 && run.inReview == 1)
      #expect(try await house.states(["m1", "m2", "m3"]) == [.expired, .expired, .live])
      for action in ["review.proposed", "review.approved", "review.executed"] {
        #expect(try await house.count(audited: action) == 1, "\(action)")
      }
      #expect(try await service.review(january).row.deleted == 2)
      house.advance(days: 1)
      _ = try await service.apply(actor: "night")
      #expect(try await service.review(january).row.state == .done)
      let late = await #expect(throws: RetentionError.self) {
        try await service.decide(january, .delete, justification: "again", actor: "alice")
      }
      #expect(late?.code == .reviewDone)
    }
  }

  @Test("What is approved while a run goes on that began before stands", arguments: [false, true])
  func approvedMeanwhile(isFound: Bool) async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let row = try await queued(house)[0].row
      _ = try await service.decide(row.id, .delete, justification: "j", actor: "alice")
      house.advance(days: 1)
      let (began, tenant) = (house.now, house.tenant)
      house.advance(days: 1)
      _ = try await service.approveReview(row.id, actor: "bob")
      // What the run, which had not seen the approval, records in the end.
      var count = ReviewCount(route: row.route, policyVersion: row.policyVersion)
      count.add(row.oldest)
      let found = isFound ? [(id: row.id &+ 1, group: row.group, count: count)] : []
      try await house.database.transaction { tx in
        try Reviews.record(found, tenant: tenant, at: began, in: tx)
      }
      #expect(try await service.review(row.id).row.state == .decided)
      #expect(try await service.apply(actor: "night").deleted == 2)
    }
  }

  @Test("A hold keeps what a review would delete, and is asked when it is deleted, not when it is decided")
  func held() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let january = try await queued(house)[0].row.id
      _ = try await service.decide(january, .delete, justification: "j", actor: "alice")
      _ = try await service.approveReview(january, actor: "bob")
      let hold = try await house.holds.place(
        HoldRequest(matter: "M", conversations: ["general"], reason: "r"), actor: "law")
      let run = try await service.apply(actor: "night")
      #expect(run.deleted == 0 && run.held == 3)
      #expect(try await house.states(["m1", "m2"]) == [.live, .live])
      try await house.holds.release(hold, reason: "over", actor: "law")
    }
  }

  @Test("An extension keeps until its end, then asks again")
  func extended() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let january = try await queued(house)[0].row.id
      let until = house.now.adding(seconds: 10 * RetentionHouse.day)
      _ = try await service.decide(january, .extend(until: until), justification: "j", actor: "alice")
      _ = try await service.approveReview(january, actor: "bob")
      #expect(try await service.apply(actor: "night").inReview == 1)
      #expect(try await service.reviews().map(\.row.messages) == [1])
      house.advance(days: 11)
      #expect(try await service.apply(actor: "night").inReview == 3)
      let again = try await service.review(january).row
      #expect(again.state == .waiting && again.waitingSince == house.now && again.decision == nil)
      let past = await #expect(throws: RetentionError.self) {
        try await service.decide(january, .extend(until: house.now), justification: "j", actor: "alice")
      }
      #expect(past?.code == .invalidReview)
    }
  }

  @Test("What is moved to another policy goes when that one says")
  func moved() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let january = try await queued(house)[0].row.id
      _ = try await service.decide(january, .move(to: "slow"), justification: "j", actor: "alice")
      _ = try await service.approveReview(january, actor: "bob")
      #expect(try await service.apply(actor: "night").deleted == 0)
      house.advance(days: 10)
      let run = try await service.apply(actor: "night")
      #expect(run.deleted == 2)
      #expect(try await house.states(["m1", "m2", "m3"]) == [.expired, .expired, .live])
    }
  }

  @Test(
    "What a decision gives a label goes by the label's policies, and is asked about again when those are over"
  )
  func relabelled() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["m1", "m2"])
      try await house.set(
        .entry("records", .label("record"), retain: "1y"),
        PolicyDocument.Entry(name: "reviewed", deleteAfter: RetentionLength("30d"), review: true))
      house.advance(days: 40)
      #expect(try await service.apply(actor: "night").inReview == 2)
      let review = try #require(try await service.reviews().first).row.id
      let wrong = await #expect(throws: RetentionError.self) {
        try await service.decide(review, .relabel(" x"), justification: "j", actor: "alice")
      }
      #expect(wrong?.code == .invalidReview)
      let proposed = try await service.decide(review, .relabel("record"), justification: "j", actor: "alice")
      #expect(proposed.row.decision == .relabel("record"))
      #expect(try await service.apply(actor: "night").relabelled == 0)
      _ = try await service.approveReview(review, actor: "bob")
      let run = try await service.apply(actor: "night")
      #expect((run.relabelled, run.inReview, run.deleted) == (2, 0, 0))
      #expect(try await service.labels("record").compactMap(\.message).sorted() == ["m1", "m2"])
      #expect(try await house.count(audited: "review.executed") == 1)
      house.advance(days: 1)
      #expect(try await service.apply(actor: "night").inReview == 0)
      #expect(try await service.review(review).row.state == .done)
      house.advance(days: 365)
      #expect(try await service.apply(actor: "night").inReview == 2)
      // The label they have does not help once more.
      _ = try await service.decide(review, .relabel("record"), justification: "j", actor: "alice")
      _ = try await service.approveReview(review, actor: "bob")
      let again = try await service.apply(actor: "night")
      #expect((again.relabelled, again.inReview, again.deleted) == (0, 2, 0))
    }
  }

  @Test("To do without reviews deletes more, so that it waits for the grace")
  func dropped() async throws {
    try await RetentionHouse.with { house in
      try await house.converse("other")
      try await policies(house)
      let result = try await house.retention().set(
        PolicyDocument(policies: [
          PolicyDocument.Entry(name: "reviewed", deleteAfter: RetentionLength("30d"))
        ]), actor: "admin")
      #expect(result.tightenings.contains { $0.change == .reviewDropped })
      #expect(throws: RetentionError.self) {
        try PolicyDocument(
          json: #"{"policies":[{"name":"x","scope":{"tenant":true},"retain":"1d","review":true}]}"#)
      }
    }
  }
}
