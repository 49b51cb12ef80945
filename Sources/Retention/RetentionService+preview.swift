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
    let (history, ownUpTo, events) = try await database.transaction { tx in
      (
        try Self.policies(of: tenant, in: tx), try Self.ownUpTo(now, tenant: tenant, in: tx),
        try RetentionEvents.earliest(tenant: tenant, in: tx)
      )
    }
    let inForce = history.inForce(at: now)
    let measure = PreviewMeasure(history: history, proposed: proposed, now: now)
    var reach = RetentionReach(inForce + (proposed ?? []))
    if proposed == nil { reach = reach.due(by: inForce, at: now, events: events) }
    let tally =
      reach.isEmpty && ownUpTo == nil ? PreviewTally() : try await tally(reach, ownUpTo: ownUpTo, measure)
    return RetentionPreview(
      policySet: history.version, rows: try await rows(tally), totals: tally.totals, examined: tally.examined,
      truncated: tally.truncated, tightenings: proposed.map { tightenings(from: inForce, to: $0) } ?? [])
  }

  private func tally(_ reach: RetentionReach, ownUpTo: Timestamp?, _ measure: PreviewMeasure) async throws
    -> PreviewTally
  {
    var tally = PreviewTally()
    var cursor: ScanPosition?
    let tenant = tenant
    repeat {
      let after = cursor
      let page = try await database.transaction { tx in
        let page = try RetentionScan.page(
          reach, ownUpTo: ownUpTo, tenant: tenant, after: after, limit: Self.batchMessagesMax, in: tx)
        let messages = page.messages
        let effects = messages.map { measure.effect(on: $0) }
        let due = zip(messages, effects).filter { $0.1 == .due }.map(\.0.locator.key)
        let held = try Deletions.heldBy(due, in: tx)
        return (
          found: zip(messages, effects).map { ($0.locator, held[$0.locator.key] == nil ? $1 : .held) },
          next: page.next
        )
      }
      for (locator, effect) in page.found { tally.add(locator, effect) }
      cursor = page.next
    } while cursor != nil
    return tally
  }

  /// Most due first; only the first rows get samples, as each may have to be read from a segment.
  private func rows(_ tally: PreviewTally) async throws -> [RetentionPreview.Row] {
    let ordered = tally.entries.sorted {
      ($0.value.counts.due, $1.value.oldest) > ($1.value.counts.due, $0.value.oldest)
    }
    let cards = try await directory.cards(Set(ordered.map(\.key.conversation)))
    var rows: [RetentionPreview.Row] = []
    for (index, (place, entry)) in ordered.enumerated() {
      let samples = index < RetentionPreview.sampledRowsMax ? try await ids(entry.samples) : []
      rows.append(
        RetentionPreview.Row(
          conversation: cards[place.conversation]?.profile.id, period: place.period, counts: entry.counts,
          oldest: entry.oldest, bytes: nil, samples: samples))
    }
    return rows
  }

  private func ids(_ places: [MessagePlace]) async throws -> [String] {
    try await history.messages(places, states: [.live, .restricted]).sorted { $0.position < $1.position }
      .map(\.original.messageID)
  }
}

/// Compares one message before and after.
private struct PreviewMeasure: Sendable {
  let history: PolicyHistory
  let proposed: [Policy]?
  let now: Timestamp

  func effect(on message: RetainedMessage) -> PreviewEffect {
    guard let proposed else { return message.isDue(history.policies, at: now) ? .due : .none }
    let change = PolicyChange(
      of: message.item(message.locator.tenant), from: history.policies, to: proposed, holds: [], now: now)
    if change.deletesAtOnce { return .due }
    return switch change.effect {
    case .none: .none
    case .earlier: .earlier
    case .later: .later
    }
  }
}
