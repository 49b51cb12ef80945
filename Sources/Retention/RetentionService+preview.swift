package import Catalog
import Governance
import History
import Model
import Postgres

extension RetentionService {
  /// What a document would do if it took effect now, against what is in force; without one, what is due now.
  /// Reads and changes nothing; holds are asked of the same guard that deletions pass.
  package func preview(_ document: PolicyDocument? = nil) async throws -> RetentionPreview {
    var proposed: [Policy]?
    if let document {
      proposed = try await names.numberedForPreview(document).policies.map { entry in try entry.policy() }
    }
    let (tenant, now) = (tenant, now())
    let history = try await database.transaction { tx in try Self.policies(of: tenant, in: tx) }
    return try await named(try await record(of: proposed, against: history, at: now))
  }

  /// - Parameter proposed: `nil`: what is due now.
  func record(of proposed: [Policy]?, against history: PolicyHistory, at now: Timestamp) async throws
    -> PreviewRecord
  {
    let tenant = tenant
    let (ownUpTo, events) = try await database.transaction { tx in
      (
        try Self.ownUpTo(now, tenant: tenant, in: tx),
        try RetentionEvents.earliest(tenant: tenant, in: tx)
      )
    }
    let inForce = history.inForce(at: now)
    var reach = RetentionReach(inForce + (proposed ?? []))
    var question = PreviewMeasure.Question.inForce
    var tightened: [Tightening] = []
    if let proposed {
      tightened = tightenings(from: inForce, to: proposed)
      question = .proposed(
        proposed, effectiveAt: tightened.isEmpty ? now : now.adding(seconds: graceSeconds))
    } else {
      reach = reach.due(by: inForce, at: now, events: events)
    }
    var tally = PreviewTally()
    if !reach.isEmpty || ownUpTo != nil {
      let measure = PreviewMeasure(policies: history.policies, question: question, tenant: tenant, now: now)
      tally = try await self.tally(reach, ownUpTo: ownUpTo, measure)
    }
    return try await record(tally, policySet: history.version, tightenings: tightened, at: now)
  }

  func tally(_ reach: RetentionReach, ownUpTo: Timestamp?, _ measure: PreviewMeasure) async throws
    -> PreviewTally
  {
    var tally = PreviewTally()
    var cursor: ScanPosition?
    let tenant = tenant
    repeat {
      let after = cursor
      let (findings, next) = try await database.transaction { tx in
        let page = try RetentionScan.page(
          reach, ownUpTo: ownUpTo, tenant: tenant, after: after, limit: Self.batchMessagesMax, in: tx)
        return (try measure.look(at: page.messages, in: tx), page.next)
      }
      tally.add(findings)
      cursor = next
    } while cursor != nil
    return tally
  }

  func record(
    _ tally: PreviewTally, policySet: Int32, tightenings: [Tightening], at now: Timestamp
  ) async throws -> PreviewRecord {
    let (tenant, months) = (tenant, Array(tally.archived.keys))
    let averages = try await database.transaction { tx in
      try months.reduce(into: [Period: Int64]()) { averages, month in
        let stored = try Exports.archived(tenant: tenant, from: month.start, to: month.start, in: tx)
        if stored.messages > 0 { averages[month] = stored.bytes / Int64(stored.messages) }
      }
    }
    return PreviewRecord(
      tally, averages: averages, policySet: policySet, tightenings: tightenings, madeAt: now)
  }

  /// With the platform's ids, as far as they are known still. Of samples there are some hundred, as each may have to be
  /// read from a segment; those that damage keeps from being read are left out.
  func named(_ record: PreviewRecord) async throws -> RetentionPreview {
    let keys = record.samples
    let located = try await database.transaction { tx in try Locators.find(keys, in: tx) }
    let places = keys.compactMap { located[$0] }.filter { $0.tenant == tenant && $0.isThere }.map(\.place)
    let messages = try await history.readable(places, states: [.live, .restricted]).messages
    let ids = Dictionary(messages.map { ($0.locator.key, $0.original.messageID) }) { first, _ in first }
    let cards = try await directory.cards(Set(record.rows.map { ConversationID(rawValue: $0.conversation) }))
    let rows = record.rows.map { row in
      RetentionPreview.Row(
        conversation: cards[ConversationID(rawValue: row.conversation)]?.profile.id,
        period: Period(rawValue: row.period), counts: row.counts,
        oldest: Timestamp(microseconds: row.oldest),
        goesAt: row.goesAt.map { Timestamp(microseconds: $0) },
        samples: row.keys.compactMap { located[$0] }.sorted { $0.position < $1.position }.compactMap {
          ids[$0.key]
        })
    }
    return RetentionPreview(
      madeAt: Timestamp(microseconds: record.madeAt), policySet: record.policySet, rows: rows,
      totals: record.totals, goesAt: record.goesAt.map { Timestamp(microseconds: $0) },
      examined: record.examined, truncated: record.truncated, tightenings: record.tightenings)
  }
}
