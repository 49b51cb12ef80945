import AuditLog
package import Catalog
import Governance
package import Model
import Postgres

/// What came of setting policies.
package struct PolicySetResult: Hashable, Sendable {
  package let version: Int32
  package let effectiveAt: Timestamp
  /// Why it waits for the grace period; empty: it does not.
  package let tightenings: [Tightening]
  /// `false`: the document says what the newest version says, so nothing was stored.
  package let changed: Bool
}

/// A version of a tenant's policies, for showing.
package struct PolicySetView: Hashable, Sendable {
  package enum Standing: String, Sendable {
    case replaced
    case inForce = "in_force"
    /// Its grace period runs.
    case announced
  }

  package let version: Int32
  package let document: PolicyDocument
  package let createdAt: Timestamp
  package let effectiveAt: Timestamp
  package let standing: Standing
}

extension RetentionService {
  /// Makes the document the tenant's newest version. What would delete more, or earlier, than what is in force
  /// takes effect after the grace period, everything else at once.
  /// - Throws: `RetentionError.lockedPolicy`, `.unknownConversation` or `.erasedSubject`; nothing was changed then.
  package func set(_ document: PolicyDocument, actor: String) async throws -> PolicySetResult {
    let now = now()
    let (tenant, audit, graceSeconds) = (tenant, audit, graceSeconds)
    let newest = try await database.transaction { tx in try Policies.sets(tenant: tenant, in: tx).last }
    let numbered = try await names.numbered(
      document, previous: try newest.map { try PolicyDocument(json: $0.document) }, at: now)
    let json = try numbered.json
    return try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
      let history = try Self.policies(of: tenant, in: tx)
      if let same = try history.unchanged(by: numbered) { return same }
      let tightened = try history.check(numbered, at: now)
      let set = PolicySetRow(
        tenant: tenant, version: history.version + 1, document: json,
        effectiveAt: tightened.isEmpty ? now : now.adding(seconds: graceSeconds), createdAt: now)
      try Policies.insert(set, in: tx)
      try audit.append([.policiesSet(set, numbered, tightened, actor: actor)], at: now, in: tx)
      return PolicySetResult(
        version: set.version, effectiveAt: set.effectiveAt, tightenings: tightened, changed: true)
    }
  }

  /// All versions, oldest first.
  package func list() async throws -> [PolicySetView] {
    let (tenant, now) = (tenant, now())
    let sets = try await database.transaction { tx in try Policies.sets(tenant: tenant, in: tx) }
    // Of several announced versions, the newest that has taken effect is the one in force.
    let inForce = sets.last { $0.effectiveAt <= now }?.version ?? 0
    var views: [PolicySetView] = []
    for set in sets {
      let document = try await names.named(try PolicyDocument(json: set.document))
      views.append(
        PolicySetView(
          version: set.version, document: document, createdAt: set.createdAt, effectiveAt: set.effectiveAt,
          standing: set.version == inForce ? .inForce : set.version < inForce ? .replaced : .announced))
    }
    return views
  }
}

extension PolicyHistory {
  fileprivate func unchanged(by document: PolicyDocument) throws -> PolicySetResult? {
    guard let last = sets.last, try PolicyDocument(json: last.document) == document else { return nil }
    return PolicySetResult(
      version: last.version, effectiveAt: last.effectiveAt, tightenings: [], changed: false)
  }

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
      tenant: set.tenant, actor: actor, action: "retention.set", object: "policy-set \(set.version)",
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
