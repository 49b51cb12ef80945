import AuditLog
import Catalog
import Governance
import Model
import Postgres
import Sodium

/// Messages that reviews' decisions give a label, in one transaction with the audit log.
struct RelabelBatch: Sendable {
  let keys: [MessageKey]

  /// Asks policies and decisions again under the lock that labels are changed under. Returns how many were labelled.
  func execute(
    tenant: TenantID, audit: AuditLog, graceSeconds: Int64, at now: Timestamp, actor: String,
    in tx: borrowing Transaction
  ) throws -> Int {
    try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
    let history = try RetentionService.policies(of: tenant, in: tx).policies
    let queue = try ReviewQueue(history, tenant: tenant, at: now, in: tx)
    var counts: [Label: Int] = [:]
    for message in try RetentionScan.find(keys, tenant: tenant, in: tx) where message.locator.isThere {
      let disposition = message.disposition(history, at: now)
      guard disposition.verdict == .review,
        case .relabelled(let review, let label) = queue.outcome(message, disposition, history)
      else { continue }
      let row = LabelRow(
        id: Randomness.identifier(), item: .message(message.locator.key), label: label, changedAt: now,
        settlesAt: now.adding(seconds: graceSeconds))
      try RetentionLabels.set(row, tenant: tenant, in: tx)
      counts[Label(review: review, name: label), default: 0] += 1
    }
    let entries = counts.sorted { $0.key.review < $1.key.review }.map { label, count in
      AuditEntry(
        tenant: tenant, actor: actor, action: "review.executed", object: Handle.text("review", label.review),
        details: ["messages": String(count), "label": label.name])
    }
    if !entries.isEmpty { try audit.append(entries, at: now, in: tx) }
    return counts.values.reduce(0, +)
  }

  private struct Label: Hashable {
    let review: Int64
    let name: String
  }
}
