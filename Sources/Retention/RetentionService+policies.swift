import AuditLog
package import Catalog
import Governance
package import Model
import Postgres
import Sodium

/// What came of setting policies.
package struct PolicySetResult: Hashable, Sendable {
  package let version: Int32
  /// Of one that waits for approval: at the earliest.
  package let effectiveAt: Timestamp
  package let standing: PolicySetView.Standing
  /// Why it waits for the grace period; empty: it does not.
  package let tightenings: [Tightening]
  /// What it would do, as its preview has it; `nil`: nothing was stored.
  package let totals: RetentionPreview.Counts?
  /// `false`: the document says what the newest version says, so nothing was stored.
  package var changed: Bool { totals != nil }
}

/// A version of a tenant's policies, for showing.
package struct PolicySetView: Hashable, Sendable {
  package enum Standing: String, Sendable {
    case replaced
    case inForce = "in_force"
    /// Its grace period runs.
    case announced
    /// For a second person's approval.
    case waiting
    case rejected
  }

  package let version: Int32
  package let document: PolicyDocument
  package let createdAt: Timestamp
  package let effectiveAt: Timestamp
  package let standing: Standing
  /// When it was approved or rejected.
  package let decidedAt: Timestamp?
}

extension RetentionService {
  /// Previews that are made for one change, as others change the policies meanwhile.
  private static let attemptsMax = 3

  /// Makes the document the tenant's newest version, with a preview of what it does. What would delete more, or
  /// earlier, than what is in force takes effect after the grace period, and where that is asked for not before a
  /// second person approved it; everything else at once. What waited for approval before does so no more.
  /// - Throws: `RetentionError.lockedPolicy`, `.unknownConversation`, `.erasedSubject` or `.policiesBusy`; nothing was
  ///   changed then.
  package func set(_ document: PolicyDocument, actor: String) async throws -> PolicySetResult {
    for _ in 0..<Self.attemptsMax {
      if let result = try await attempt(document, actor: actor) { return result }
    }
    throw RetentionError(.policiesBusy, "the policies were changed by others while this change was looked at")
  }

  /// `nil`: what the preview compares with is not what is in force any more.
  private func attempt(_ document: PolicyDocument, actor: String) async throws -> PolicySetResult? {
    let (tenant, now) = (tenant, now())
    let sets = try await database.transaction { tx in try Policies.all(tenant: tenant, in: tx) }
    let newest = sets.last { $0.state == .stands || $0.state == .waiting }
    let previous = try newest.map { try PolicyDocument(json: $0.document) }
    let numbered = try await names.numbered(document, previous: previous, at: now)
    if let newest, previous == numbered { return PolicySetResult(unchanged: newest, at: now) }
    let history = try PolicyHistory(sets)
    let tightened = try history.check(numbered, at: now)
    let proposed = try numbered.policies.map { entry in try entry.policy() }
    let found = try await record(of: proposed, against: history, at: now)
    let change = PolicySetChange(
      document: numbered, json: try numbered.json, tightened: tightened, preview: try found.json,
      replaces: newest.flatMap { $0.state == .waiting ? $0.version : nil })
    // Looking takes its time, and what was announced may have come into force.
    let later = self.now()
    guard try history.check(numbered, at: later) == tightened else { return nil }
    let set = PolicySetRow(
      tenant: tenant, version: (sets.last?.version ?? 0) + 1, document: change.json,
      effectiveAt: tightened.isEmpty ? later : later.adding(seconds: graceSeconds), createdAt: later,
      state: needsApproval && !tightened.isEmpty ? .waiting : .stands, proposerHash: actorHash(actor))
    let audit = audit
    let isStored = try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
      guard try Policies.all(tenant: tenant, in: tx) == sets else { return false }
      try change.store(set, audit: audit, actor: actor, in: tx)
      return true
    }
    guard isStored else { return nil }
    return PolicySetResult(
      version: set.version, effectiveAt: set.effectiveAt, standing: set.standing(at: later),
      tightenings: tightened, totals: found.totals)
  }

  /// All versions, oldest first.
  package func list() async throws -> [PolicySetView] {
    let (tenant, now) = (tenant, now())
    let sets = try await database.transaction { tx in try Policies.all(tenant: tenant, in: tx) }
    // Of several announced versions, the newest that has taken effect is the one in force.
    let inForce = sets.last { $0.state == .stands && $0.effectiveAt <= now }?.version ?? 0
    var views: [PolicySetView] = []
    for set in sets {
      let document = try await names.named(try PolicyDocument(json: set.document))
      let isOver = set.state == .stands && set.version < inForce
      views.append(
        PolicySetView(
          version: set.version, document: document, createdAt: set.createdAt, effectiveAt: set.effectiveAt,
          standing: isOver ? .replaced : set.standing(at: now), decidedAt: set.decidedAt))
    }
    return views
  }
}

/// What is stored with a new version.
private struct PolicySetChange: Sendable {
  /// With numbers for ids.
  let document: PolicyDocument
  let json: String
  let tightened: [Tightening]
  let preview: String
  /// The version that waited for approval before.
  let replaces: Int32?

  func store(_ set: PolicySetRow, audit: AuditLog, actor: String, in tx: borrowing Transaction) throws {
    try Policies.insert(set, in: tx)
    var entry = AuditEntry.policiesSet(set, document, tightened, actor: actor)
    entry.details["preview"] = SHA256.hash(Array(preview.utf8)).hex
    if let replaces { entry.details["replaces"] = "policy-set \(replaces)" }
    let index = try audit.append([entry], at: set.createdAt, in: tx)
    try PolicyPreviews.insert(
      PolicyPreviewRow(version: set.version, document: preview, auditIndex: index), tenant: set.tenant, in: tx
    )
  }
}

extension PolicySetRow {
  /// If no newer version is in force.
  fileprivate func standing(at now: Timestamp) -> PolicySetView.Standing {
    switch state {
    case .waiting: .waiting
    case .rejected: .rejected
    case .replaced: .replaced
    case .stands: effectiveAt <= now ? .inForce : .announced
    }
  }
}

extension PolicySetResult {
  fileprivate init(unchanged set: PolicySetRow, at now: Timestamp) {
    self.init(
      version: set.version, effectiveAt: set.effectiveAt, standing: set.standing(at: now), tightenings: [],
      totals: nil)
  }
}

extension PolicyHistory {
  /// Refuses what a lock forbids; returns what makes the document wait.
  fileprivate func check(_ document: PolicyDocument, at now: Timestamp) throws -> [Tightening] {
    let proposed = try document.policies.map { entry in try entry.policy() }
    let violations = lockViolations(from: policies, to: proposed)
    guard violations.isEmpty else {
      throw RetentionError(.lockedPolicy, violations.map(\.description).joined(separator: "; "))
    }
    return tightenings(from: inForce(at: now), to: proposed)
  }
}

extension AuditEntry {
  fileprivate static func policiesSet(
    _ set: PolicySetRow, _ document: PolicyDocument, _ tightened: [Tightening], actor: String
  ) -> AuditEntry {
    AuditEntry(
      tenant: set.tenant, actor: actor,
      action: set.state == .waiting ? "retention.proposed" : "retention.set",
      object: "policy-set \(set.version)",
      details: [
        "effective_at": set.effectiveAt.rfc3339,
        "policies": shortened(document.policies.map(\.summary)),
        "tightenings": shortened(tightened.map(\.description)),
      ])
  }

  /// An entry has a limit; the document itself is kept in its own table for ever.
  private static func shortened(_ parts: [String]) -> String {
    let shown = parts.prefix(200)
    return shown.joined(separator: "; ") + (parts.count > shown.count ? "; …\(parts.count) in all" : "")
  }
}

extension PolicyDocument.Entry {
  /// Without ids: the kind of scope only.
  fileprivate var summary: String {
    let kind =
      switch scope {
      case .tenant: "tenant"
      case .conversationKind(let kind): kind.rawValue
      case .conversation: "conversation"
      case .subject: "subject"
      case .label(let name): "label \(name)"
      }
    let from = if case .event(let name) = clock { ", from \(name)" } else { "" }
    let rest = "\(from)\(locked ? ", locked" : "")\(review ? ", reviewed" : "")"
    return "\(name) (\(kind)): retain \(retain?.description ?? "-"), delete after "
      + "\(deleteAfter?.description ?? "-")\(rest)"
  }
}
