import Catalog
import Governance
import Model
import Postgres

/// Compares messages before and after.
struct PreviewMeasure: Sendable {
  enum Question: Sendable {
    /// What is due.
    case inForce
    case proposed([Policy], effectiveAt: Timestamp)
    case stated(RetentionStatement)
  }

  /// All versions that count.
  let policies: [Policy]
  let question: Question
  let tenant: TenantID
  let now: Timestamp

  /// Holds are asked of the same guard that deletions pass.
  func look(at messages: [RetainedMessage], in tx: borrowing Transaction) throws -> [PreviewFinding] {
    var findings = try compare(messages, in: tx)
    let due = findings.filter { $0.effect == .due }.map(\.locator)
    let held = try Deletions.heldBy(due.map(\.key), in: tx)
    let sizes = try Messages.sizes(of: due.filter { held[$0.key] == nil }, in: tx)
    for index in findings.indices where findings[index].effect == .due {
      let key = findings[index].locator.key
      if held[key] == nil {
        findings[index].bytes = sizes[key]
      } else {
        (findings[index].effect, findings[index].goesAt) = (.held, nil)
      }
    }
    return findings
  }

  private func compare(_ messages: [RetainedMessage], in tx: borrowing Transaction) throws
    -> [PreviewFinding]
  {
    switch question {
    case .inForce:
      return messages.map { message in
        let isDue = message.isDue(policies, at: now)
        return PreviewFinding(
          locator: message.locator, effect: isDue ? .due : .none, goesAt: isDue ? now : nil)
      }
    case .proposed(let proposed, let effectiveAt):
      return messages.map { message in
        let change = PolicyChange(
          of: message.item(tenant), from: policies, to: proposed, holds: [], now: now)
        return PreviewFinding(message.locator, change, from: effectiveAt)
      }
    case .stated(let statement):
      let stated = try statement.applied(to: messages, tenant: tenant, in: tx)
      return zip(messages, stated).map { before, after in
        let change = PolicyChange(
          of: before.item(tenant), to: after.item(tenant), policies: policies, settlesAt: statement.settlesAt)
        return PreviewFinding(before.locator, change, from: statement.settlesAt)
      }
    }
  }
}

extension PreviewFinding {
  fileprivate init(_ locator: Locator, _ change: PolicyChange, from time: Timestamp) {
    self.locator = locator
    switch change.effect {
    case _ where change.deletesAtOnce: effect = .due
    case .none: effect = .none
    case .earlier: effect = .earlier
    case .later: effect = .later
    }
    if effect == .due || effect == .earlier { goesAt = change.dueAfter.map { max($0, time) } }
  }
}
