import Governance
import Model
import Postgres
import Testing

@testable import Catalog
@testable import Retention

@Suite("Previews that are kept with changes of policies")
struct StoredPreviewTests {
  private static let proposal = PolicyDocument(policies: [.entry("default", delete: "30d")])

  @Test("A change keeps what its preview said, after what it named has gone too, and names nobody")
  func kept() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["sample-one", "sample-two"], in: "old-room")
      try await house.send(["held-one"], by: "bob", in: "old-room")
      house.advance(days: 20)
      try await house.send(["young-one"], in: "new-room")
      house.advance(days: 20)
      _ = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob"], reason: "R"), actor: "law")
      let asked = try await service.preview(Self.proposal)
      let result = try await service.set(Self.proposal, actor: "admin")
      let shown = try #require(try await service.show(result.version).preview)
      let preview = try #require(shown.preview)
      #expect(preview == asked && shown.isProven)
      #expect(result.totals == asked.totals)
      let totals = preview.totals
      #expect((totals.due, totals.held, totals.earlier, totals.later) == (2, 1, 1, 0))
      #expect(preview.madeAt == house.now && preview.goesAt == result.effectiveAt)
      let old = try #require(preview.rows.first)
      #expect((old.conversation, old.counts.due, old.counts.held) == ("old-room", 2, 1))
      #expect(old.samples == ["sample-one", "sample-two"] && old.oldest == RetentionHouse.start)
      let stored = try await house.database.transaction { tx in
        try tx.execute("SELECT document FROM policy_preview").text(0, 0)
      }
      for name in ["sample-one", "held-one", "young-one", "room", "bob", "ann"] {
        #expect(!stored.contains(name), "\(name)")
      }
      #expect(
        try await house.count(
          "SELECT count(*) FROM audit_entry WHERE position('\(shown.hash)' IN convert_from(entry, 'UTF8')) > 0"
        )
          == 1)
      house.advance(days: 1)
      #expect(try await service.apply(actor: "job").deleted == 2)
      let later = try #require(try await service.show(result.version).preview)
      #expect(later.preview?.totals == totals && later.isProven && later.hash == shown.hash)
      #expect(later.preview?.rows.first?.samples == [] && later.preview?.rows.first?.counts == old.counts)
    }
  }

  @Test("Bytes are those of hot messages as they are stored")
  func bytes() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["a", "a much longer name of a message"])
      let stored = try await house.count("SELECT sum(octet_length(payload)) FROM message")
      try await house.send(["held"], by: "bob")
      _ = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob"], reason: "R"), actor: "law")
      house.advance(days: 40)
      try await house.send(["young"])
      let preview = try await house.retention().preview(Self.proposal)
      #expect((preview.totals.bytes, preview.totals.held) == (Int64(stored), 1))
      #expect(preview.rows.map(\.counts.bytes).reduce(0, +) == Int64(stored))
    }
  }

  @Test("Of changes that are made at once, each is compared with what it follows")
  func atOnce() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.send(["a"])
      async let one = service.set(
        PolicyDocument(policies: [.entry("default", retain: "1y")]), actor: "one")
      async let two = service.set(
        PolicyDocument(policies: [.entry("default", retain: "2y")]), actor: "two")
      let versions = try await [one.version, two.version]
      #expect(versions.sorted() == [1, 2])
      let previews = try await [service.show(1), service.show(2)]
      #expect(previews.map { $0.preview?.preview?.policySet } == [0, 1])
      #expect(previews.allSatisfy { $0.preview?.isProven == true })
    }
  }

  @Test("A version from before previews were kept is shown without one")
  func without() async throws {
    try await RetentionHouse.with { house in
      _ = try await house.retention().set(Self.proposal, actor: "admin")
      try await house.database.transaction { tx in _ = try tx.execute("DELETE FROM policy_preview") }
      #expect(try await house.retention().show(1).preview == nil)
      let error = await #expect(throws: RetentionError.self) { try await house.retention().show(2) }
      #expect(error?.code == .unknownPolicies)
    }
  }

  private func findings(_ conversations: Range<Int>) -> [PreviewFinding] {
    conversations.map { number in
      PreviewFinding(
        locator: Locator(
          key: MessageKey(high: Int64(number), low: .min), tenant: TenantID(rawValue: 1),
          route: RouteKey(rawValue: .min), conversation: ConversationID(rawValue: .max - Int64(number)),
          sender: SubjectID(rawValue: 1),
          position: MessagePosition(createdAt: RetentionHouse.start, sequence: Int64(number)), state: .live),
        effect: .due, goesAt: RetentionHouse.start, bytes: number % 2 == 0 ? 10 : nil)
    }
  }

  @Test("Beyond so many rows only the totals grow", arguments: [0, 1])
  func bounded(more: Int) throws {
    let most = RetentionPreview.rowsMax
    var tally = PreviewTally()
    tally.add(findings(0..<most))
    tally.add(findings(0..<most))
    tally.add(findings(most..<(most + more)))
    let month = Period(containing: RetentionHouse.start)
    let record = PreviewRecord(
      tally, averages: [month: 7], policySet: 3, tightenings: [], madeAt: RetentionHouse.start)
    #expect(record.rows.count == most && record.truncated == (more == 1))
    #expect((record.totals.due, record.examined) == (2 * most + more, 2 * most + more))
    // Half of them are archived.
    #expect(record.totals.bytes == Int64(most * 17 + more * 10))
    #expect(record.rows.count { !$0.samples.isEmpty } == RetentionPreview.sampledRowsMax)
    let json = try record.json
    #expect(json.utf8.count < 6 << 20)
    #expect(try PreviewRecord(json: json) == record)
  }

  @Test(
    "A stored preview that cannot be read is damage, not an empty one",
    arguments: ["", "{}", #"{"format":2}"#])
  func damaged(json: String) {
    let error = #expect(throws: RetentionError.self) { try PreviewRecord(json: json) }
    #expect(error?.code == .damagedPolicies)
  }
}
