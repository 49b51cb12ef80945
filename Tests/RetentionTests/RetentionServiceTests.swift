import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres
import Testing

@testable import Retention

@Suite struct RetentionServiceTests {
  @Test func aStricterSetWaitsForTheGraceAndAMilderOneDoesNot() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      let first = try await service.set(
        PolicyDocument(policies: [.entry("default", delete: "1y")]), actor: "admin")
      #expect(first.version == 1)
      #expect(first.effectiveAt == house.now.adding(seconds: RetentionHouse.day))
      #expect(first.tightenings.map(\.change) == [.ceilingAdded])
      house.advance(days: 2)
      let milder = try await service.set(
        PolicyDocument(policies: [.entry("default", delete: "2y")]), actor: "admin")
      #expect((milder.version, milder.effectiveAt) == (2, house.now))
      let same = try await service.set(
        PolicyDocument(policies: [.entry("default", delete: "730d")]), actor: "admin")
      #expect((same.version, same.changed) == (2, false))
      let views = try await service.list()
      #expect(views.map(\.standing) == [.replaced, .inForce])
      #expect(views.map(\.document.policies.first?.deleteAfter?.description) == ["1y", "2y"])
      #expect(try await house.count(audited: "retention.set") == 2)
    }
  }

  @Test func aLockedPolicyCanOnlyBeLengthened() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.set(.entry("law", retain: "5y", delete: "7y", locked: true))
      let refused: [[PolicyDocument.Entry]] = [
        [], [.entry("law", retain: "4y", delete: "7y", locked: true)],
        [.entry("law", retain: "5y", delete: "6y", locked: true)],
        [.entry("law", retain: "5y", delete: "7y")],
      ]
      for entries in refused {
        let error = await #expect(throws: RetentionError.self) {
          try await service.set(PolicyDocument(policies: entries), actor: "admin")
        }
        #expect(error?.isRefusal == true)
      }
      let longer = try await service.set(
        PolicyDocument(policies: [.entry("law", retain: "6y", delete: "8y", locked: true)]), actor: "admin")
      #expect(longer.version == 2)
    }
  }

  @Test func theStoredDocumentNamesNobody() async throws {
    try await RetentionHouse.with { house in
      try await house.converse("C-trading")
      let document = PolicyDocument(policies: [
        .entry("desk", .conversation("C-trading"), retain: "1y"),
        .entry("adviser", .subject("dr.strange@example.org"), retain: "1y"),
      ])
      _ = try await house.retention().set(document, actor: "admin")
      let stored = try await house.database.transaction { tx in
        try Policies.sets(tenant: TenantID(rawValue: 1), in: tx)[0].document
      }
      #expect(!stored.contains("strange") && !stored.contains("trading"))
      #expect(try await house.retention().list().first?.document == document)
    }
  }

  @Test func aConversationNobodyKnowsIsRefusedByPolicyAndKey() async throws {
    try await RetentionHouse.with { house in
      let document = PolicyDocument(policies: [.entry("desk", .conversation("nowhere"), retain: "1y")])
      for previews in [true, false] {
        let error = await #expect(throws: RetentionError.self) {
          if previews {
            _ = try await house.retention().preview(document)
          } else {
            _ = try await house.retention().set(document, actor: "admin")
          }
        }
        #expect(error?.code == .unknownConversation)
        #expect(error?.description.contains("policy desk: scope.conversation") == true)
      }
    }
  }

  @Test func aPreviewSaysWhatAProposalWouldDoAndDoesNothing() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["a1", "a2"], in: "old")
      try await house.send(["h1"], by: "bob", in: "old")
      house.advance(days: 20)
      try await house.send(["b1"], in: "new")
      house.advance(days: 20)
      _ = try await house.holds.place(
        HoldRequest(matter: "M", custodians: ["bob"], conversations: ["old"], reason: "R"), actor: "law")
      let proposal = PolicyDocument(policies: [.entry("default", delete: "30d")])
      let preview = try await house.retention().preview(proposal)
      #expect((preview.totals.due, preview.totals.held, preview.totals.earlier) == (2, 1, 1))
      #expect(preview.examined == 4)
      let old = try #require(preview.rows.first)
      #expect((old.conversation, old.period.description, old.counts.due) == ("old", "2024-01", 2))
      #expect(old.samples == ["a1", "a2"])
      #expect(old.oldest == RetentionHouse.start)
      #expect(try await house.states(["a1", "a2", "h1", "b1"]) == [.live, .live, .live, .live])
      #expect(try await house.retention().list().isEmpty)

      try await house.set(.entry("default", delete: "30d"))
      let now = try await house.retention().preview()
      #expect((now.totals.due, now.totals.held) == (2, 1))
      let later = try await house.retention().preview(
        PolicyDocument(policies: [.entry("default", delete: "3y")]))
      #expect((later.totals.due, later.totals.later) == (0, 4))
    }
  }

  @Test func whatIsDueGoesAndTheFeedAndTheAuditLogKnow() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["a1", "a2"])
      house.advance(days: 40)
      try await house.send(["a3"])
      try await house.set(.entry("default", delete: "30d"))
      let dry = try await house.retention().apply(dryRun: true, actor: "job")
      #expect((dry.due, dry.deleted, dry.kept) == (2, 0, 1))
      let run = try await house.retention().apply(actor: "job")
      #expect((run.due, run.deleted, run.kept, run.problem) == (2, 2, 1, nil))
      #expect(try await house.states(["a1", "a2", "a3"]) == [.expired, .expired, .live])
      #expect(try await house.count("SELECT count(*) FROM feed WHERE kind = 3") == 2)
      #expect(try await house.count("SELECT count(*) FROM message") == 1)
      #expect(try await house.count(audited: "retention.deleted") == 1)
      let again = try await house.retention().apply(actor: "job")
      #expect((again.due, again.deleted) == (0, 0))
    }
  }

  /// A batch's edge in the middle of one instant skips or repeats messages.
  @Test("case 2: what is deleted while it is paged through is neither skipped nor deleted twice")
  func thousandsOfMessagesOfOneInstantGoEachExactlyOnce() async throws {
    try await RetentionHouse.with { house in
      let ids = (0..<(2 * RetentionService.batchMessagesMax + 1)).map { "m\($0)" }
      try await house.send(ids)
      house.advance(days: 40)
      try await house.set(.entry("default", delete: "30d"))
      let run = try await house.retention().apply(actor: "job")
      #expect((run.due, run.deleted, run.kept) == (ids.count, ids.count, 0))
      #expect(try await house.count("SELECT count(*) FROM feed WHERE kind = 3") == ids.count)
      #expect(
        try await house.count("SELECT count(DISTINCT (message_high, message_low)) FROM feed WHERE kind = 3")
          == ids.count)
      #expect(try await house.count(audited: "retention.deleted") == 3)
    }
  }

  /// Direct, archived and silent conversations, and the cold tier.
  @Test("case 3: conversations without new traffic are not forgotten, of whatever kind and tier")
  func quietConversationsOfEveryKindAndTierAreNotForgotten() async throws {
    try await RetentionHouse.with { house in
      for kind in [ConversationUpsert.Kind.direct, .group, .channel] {
        try await house.converse(kind.rawValue, kind: kind)
        try await house.send(["\(kind)-hot", "\(kind)-cold"], in: kind.rawValue)
      }
      // What the archive has, the hot table has not.
      let hasher = house.directory.hasher
      let cold = ["direct-cold", "group-cold", "channel-cold"].map(hasher.messageKey)
      try await house.database.transaction { tx in
        let found = try Locators.find(cold, in: tx).values
        _ = try Messages.removeHot(found.map { ($0.route, $0.conversation, $0.position) }, in: tx)
        try tx.execute("UPDATE conversation SET closed_at = $1", [.timestamp(microseconds: 0)])
      }
      house.advance(days: 400)
      try await house.set(.entry("default", delete: "1y"))
      let run = try await house.retention().apply(actor: "job")
      #expect(run.deleted == 6)
      #expect(run.kept == 0)
    }
  }

  /// Both directions.
  @Test("case 6: a conversation's own days win both ways, and clearing them returns to the default")
  func anOverrideOfAConversationHoldsUntilItIsCleared() async throws {
    try await RetentionHouse.with { house in
      try await house.converse("short", retentionDays: 10)
      try await house.converse("long", retentionDays: 100)
      for room in ["short", "long", "plain"] { try await house.send(["in-\(room)"], in: room) }
      let ids = ["in-short", "in-long", "in-plain"]
      house.advance(days: 15)
      try await house.set(.entry("default", delete: "30d"))
      _ = try await house.retention().apply(actor: "job")
      #expect(try await house.states(ids) == [.expired, .live, .live])
      house.advance(days: 20)
      _ = try await house.retention().apply(actor: "job")
      #expect(try await house.states(ids) == [.expired, .live, .expired])
      try await house.converse("long", retentionDays: nil)
      let run = try await house.retention().apply(actor: "job")
      #expect(run.deleted == 1)
      #expect(try await house.states(ids) == [.expired, .expired, .expired])
    }
  }

  @Test func aTenantWithoutRulesDeletesNothingButWhatItsConversationsAskFor() async throws {
    try await RetentionHouse.with { house in
      try await house.converse("short", retentionDays: 10)
      try await house.send(["s"], in: "short")
      try await house.send(["p"], in: "plain")
      house.advance(days: 4_000)
      let run = try await house.retention().apply(actor: "job")
      #expect((run.policySet, run.deleted, run.kept) == (0, 1, 1))
      #expect(try await house.states(["s", "p"]) == [.expired, .live])
    }
  }

  @Test func lengthsCountFromTheLastEditWhereThePolicySaysSo() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["edited", "plain"])
      house.advance(days: 40)
      try await house.edit("edited", at: house.now)
      try await house.set(.entry("default", delete: "30d", clock: .lastEdited))
      _ = try await house.retention().apply(actor: "job")
      #expect(try await house.states(["edited", "plain"]) == [.live, .expired])
    }
  }

  @Test func anAnnouncedChangeThatKeepsMakesDeletionsWait() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["a"])
      house.advance(days: 40)
      try await house.set(.entry("default", delete: "50d"))
      house.advance(days: 9)
      // Stricter in one place, milder in another: the whole set waits.
      let proposal = PolicyDocument(policies: [
        .entry("default", delete: "90d"), .entry("direct", .conversationKind(.direct), delete: "1d"),
      ])
      _ = try await house.retention().set(proposal, actor: "admin")
      house.advance(days: 0)
      let waiting = try await house.retention().apply(actor: "job")
      #expect((waiting.pending, waiting.deleted) == (1, 0))
      house.advance(days: 2)
      let run = try await house.retention().apply(actor: "job")
      #expect((run.pending, run.deleted, run.kept) == (0, 0, 1))
    }
  }

  @Test func explainsMessagesInEveryState() async throws {
    try await RetentionHouse.with { house in
      try await house.send(["kept", "gone"])
      try await house.deleteByMember("gone")
      try await house.send(["held"], by: "bob")
      try await house.set(.entry("default", delete: "1y"))
      let hold = try await house.holds.place(
        HoldRequest(matter: "Acme v. Bob", custodians: ["bob"], reason: "R"), actor: "law")
      let service = house.retention()
      #expect(try await service.explain("never") == nil)

      let kept = try #require(try await service.explain("kept"))
      #expect(kept.disposition?.verdict == .keep(until: RetentionHouse.start.adding(seconds: 365 * 86_400)))
      #expect((kept.tier, kept.readable, kept.policySet) == (.hot, true, 1))
      #expect((kept.conversation, kept.sender) == ("general", "ann"))

      let held = try #require(try await service.explain("held"))
      #expect(held.disposition?.verdict == .held([hold]))
      #expect(held.holds == [hold])
      #expect(held.summary.contains("Acme v. Bob"))

      let gone = try #require(try await service.explain("gone"))
      #expect((gone.state, gone.tier, gone.disposition) == (.deleted, nil, nil))
      #expect(gone.changes.map(\.kind) == [.deletion])

      house.advance(days: 400)
      _ = try await service.apply(actor: "job")
      #expect(try await service.explain("kept")?.state == .expired)
      #expect(try await service.explain("held")?.state == .live)
    }
  }

  @Test("What another run took away meanwhile is no failure of this one, and stays as it went")
  func twoRuns() async throws {
    try await RetentionHouse.with { house in
      let keys = try await house.send(["a", "b"])
      try await house.set(.entry("default", delete: "30d"))
      house.advance(days: 60)
      let (tenant, audit, now) = (house.tenant, house.audit, house.now)
      let locators = try await house.database.transaction { tx in
        try Array(Locators.find(keys, in: tx).values)
      }
      #expect(try await house.retention().apply(actor: "first").deleted == 2)
      let late = try await house.database.transaction { tx in
        try DeletionBatch.expiry(locators).execute(
          tenant: tenant, groups: RetentionHouse.groups, audit: audit, at: now, actor: "second", in: tx)
      }
      #expect((late.deleted.count, late.notDueAnyMore) == (0, 2))
      // Nor does whoever read them before bring them back.
      try await house.database.transaction { tx in
        try Deletions.hide(locators, in: tx)
        try Deletions.restrict(locators, at: now, in: tx)
      }
      #expect(try await house.states(["a", "b"]) == [.expired, .expired])
    }
  }

  @Test func aPolicyOfSomebodyErasedCanBeKeptWhenTheSetChanges() async throws {
    try await RetentionHouse.with { house in
      let service = house.retention()
      try await house.set(.entry("adviser", .subject("bob"), retain: "5y", locked: true))
      let bob = try #require(try await house.directory.subject("bob"))
      let (owner, now) = (KeyOwner.subject(house.tenant, bob), house.now)
      try await house.database.transaction { tx in
        try KeyVault.destroy([owner], reason: "test", at: now, in: tx)
      }
      house.vault.forget([owner])
      house.directory.invalidate()
      var document = try #require(try await service.list().first).document
      #expect(document.subjects == ["(erased)"])
      document.policies.append(.entry("default", retain: "1y"))
      #expect(try await service.set(document, actor: "admin").version == 2)
      let stored = try await service.list().map(\.document.policies.count)
      #expect(stored == [1, 2])
      // Nobody else can be named so.
      let other = PolicyDocument(
        policies: document.policies + [.entry("new", .conversation("(erased)"), retain: "1y")])
      await #expect(throws: RetentionError.self) { try await service.set(other, actor: "admin") }
    }
  }
}
