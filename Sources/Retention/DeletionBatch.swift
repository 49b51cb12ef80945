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
    result.notDueAnyMore += outcome.floored.count
    result.held = outcome.held
    for (group, locators) in Dictionary(grouping: outcome.deleted, by: { Int16($0.route.group(of: groups)) })
    {
      try Feed.append(.removed, locators.map(\.key), group: group, in: tx)
    }
    guard !outcome.deleted.isEmpty else { return result }
    let entry = entry(outcome.deleted.map { deciders[$0.key] ?? "" }, history, tenant: tenant, actor: actor)
    try audit.append([entry], at: now, in: tx)
    return result
  }

  private var locators: [Locator] {
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
  ) throws -> [MessageKey: String] {
    guard case .expiry(let locators) = self else {
      return Dictionary(uniqueKeysWithValues: self.locators.map { ($0.key, "deleted by its member") })
    }
    var deciders: [MessageKey: String] = [:]
    for message in try RetentionScan.find(locators.map(\.key), tenant: tenant, in: tx) {
      let disposition = message.disposition(history.policies, at: now)
      if disposition.verdict == .due { deciders[message.locator.key] = disposition.governing }
    }
    result.notDueAnyMore = locators.count - deciders.count
    return deciders
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
