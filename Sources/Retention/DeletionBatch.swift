import AuditLog
import Catalog
import Governance
import Model
import Postgres

/// Messages that go together, in one transaction with the feed and the audit log.
enum DeletionBatch: Sendable {
  /// Due by policy.
  case expiry([Locator])
  /// Deleted by their members long ago, and under no hold any more.
  case release([Locator])

  struct Result: Sendable {
    var deleted: [Locator] = []
    var held: [(key: MessageKey, holds: [Int64])] = []
    /// Not due when looked at again under lock.
    var notDueAnyMore = 0
  }

  /// The feed's heads are locked first, as ingestion does, then governance: one order for all.
  func execute(
    tenant: TenantID, groups: Int, audit: AuditLog, at now: Timestamp, actor: String,
    in tx: borrowing Transaction
  ) throws -> Result {
    let feeds = Set(locators.map { Int16($0.route.group(of: groups)) })
    try Feed.lock(groups: feeds, in: tx)
    try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
    let history = try RetentionService.policies(of: tenant, in: tx)
    var result = Result()
    let deciders = try dueStill(history, tenant: tenant, at: now, &result, in: tx)
    let outcome = try Deletions.delete(
      Array(deciders.keys), for: reason, tenant: tenant, at: now, in: tx)
    result.deleted = outcome.deleted
    result.held = outcome.held
    // Kept by a floor, or gone by another run that came in between.
    result.notDueAnyMore += deciders.count - outcome.deleted.count - outcome.held.count
    for (group, locators) in Dictionary(grouping: outcome.deleted, by: { Int16($0.route.group(of: groups)) })
    {
      try Feed.append(.removed, locators.map(\.key), group: group, in: tx)
    }
    guard !outcome.deleted.isEmpty else { return result }
    let entry = entry(
      outcome.deleted.map { deciders[$0.key]?.because ?? "" }, history, tenant: tenant, actor: actor)
    let proofs = try reviewed(
      outcome.deleted.compactMap { deciders[$0.key] }, tenant: tenant, actor: actor, in: tx)
    try audit.append([entry] + proofs, at: now, in: tx)
    return result
  }

  var locators: [Locator] {
    switch self {
    case .expiry(let locators), .release(let locators): locators
    }
  }

  private var reason: DeletionReason {
    switch self {
    case .expiry: .retention
    case .release: .deletedByMember
    }
  }

  /// The messages to delete, each with what decided it. Policies may have changed, or the message been edited,
  /// since the page was read.
  private func dueStill(
    _ history: PolicyHistory, tenant: TenantID, at now: Timestamp, _ result: inout Result,
    in tx: borrowing Transaction
  ) throws -> [MessageKey: Decider] {
    guard case .expiry(let locators) = self else {
      return Dictionary(
        uniqueKeysWithValues: self.locators.map { ($0.key, Decider(because: "deleted by its member")) })
    }
    var deciders: [MessageKey: Decider] = [:]
    let queue = try ReviewQueue(history.policies, tenant: tenant, at: now, in: tx)
    for message in try RetentionScan.find(locators.map(\.key), tenant: tenant, in: tx) {
      let disposition = message.disposition(history.policies, at: now)
      switch disposition.verdict {
      case .due: deciders[message.locator.key] = Decider(because: disposition.governing)
      case .review:
        guard case .due(let review, let because) = queue.outcome(message, disposition, history.policies)
        else { continue }
        deciders[message.locator.key] = Decider(because: because, review: review)
      default: continue
      }
    }
    result.notDueAnyMore = locators.count - deciders.count
    return deciders
  }

  /// What decided about a message.
  struct Decider: Sendable {
    let because: String
    var review: Int64?
  }

  /// Proof of disposition: what went by each review's decision.
  private func reviewed(
    _ deciders: [Decider], tenant: TenantID, actor: String, in tx: borrowing Transaction
  ) throws -> [AuditEntry] {
    let counts = Dictionary(grouping: deciders.compactMap(\.review)) { $0 }.mapValues(\.count)
    return try counts.sorted { $0.key < $1.key }.map { review, count in
      try Reviews.addDeleted(review, count, in: tx)
      return AuditEntry(
        tenant: tenant, actor: actor, action: "review.executed", object: Handle.text("review", review),
        details: ["messages": String(count)])
    }
  }

  private func entry(
    _ deciders: [String], _ history: PolicyHistory, tenant: TenantID, actor: String
  ) -> AuditEntry {
    let counts = Dictionary(grouping: deciders) { $0 }.map { "\($0.key): \($0.value.count)" }.sorted()
    return AuditEntry(
      tenant: tenant, actor: actor, action: reason == .retention ? "retention.deleted" : "retention.released",
      object: "policy-set \(history.version)",
      details: [
        "messages": String(deciders.count),
        "governing": counts.prefix(100).joined(separator: "; ")
          + (counts.count > 100 ? "; …\(counts.count) in all" : ""),
      ])
  }
}

extension Disposition {
  /// The rules that decided, by name and version, without dates: `default v2`.
  var governing: String {
    let names = reasons.filter(\.decides).map { reason in
      switch reason.source {
      case .policy(let id, _, let version, _, _): "\(id) v\(version)"
      case .conversation(let days): "conversation's \(days) days"
      case .hold(let id, _, _): Handle.text("hold", id)
      }
    }
    return names.joined(separator: ", ")
  }
}
