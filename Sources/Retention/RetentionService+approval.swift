import AuditLog
import Catalog
import History
import Model
import Postgres
import Sodium

/// The preview that was made with a version of the policies.
package struct StoredPreview: Hashable, Sendable {
  /// `nil`: altered so that it cannot be read any more.
  package let preview: RetentionPreview?
  /// SHA-256 of what is stored, in hexadecimal.
  package let hash: String
  package let auditIndex: Int64
  /// Whether the audit entry of the change has that hash.
  package let isProven: Bool
}

package struct PolicySetDetail: Hashable, Sendable {
  package let view: PolicySetView
  /// `nil`: set before previews were kept.
  package let preview: StoredPreview?
}

extension RetentionService {
  /// A version with the preview that was made of it.
  /// - Throws: `RetentionError.unknownPolicies`.
  package func show(_ version: Int32) async throws -> PolicySetDetail {
    guard let view = try await list().first(where: { $0.version == version }) else {
      throw Self.unknown(version)
    }
    let (tenant, audit) = (tenant, audit)
    let stored = try await database.read { tx in
      try CommittedPreview(version, tenant: tenant, audit: audit, in: tx)
    }
    guard let stored else { return PolicySetDetail(view: view, preview: nil) }
    var preview: RetentionPreview?
    do {
      preview = try await named(try PreviewRecord(json: stored.row.document))
    } catch let error as RetentionError where error.code == .damagedPolicies && !stored.isProven {
      // That it is not what was committed to is all there is to say of it.
    }
    return PolicySetDetail(
      view: view,
      preview: StoredPreview(
        preview: preview, hash: stored.hash, auditIndex: stored.row.auditIndex, isProven: stored.isProven))
  }

  /// A second person agrees to what deletes more. It takes effect when its grace period is over, or now if it is.
  /// Approved again by the same person, nothing happens.
  /// - Throws: `RetentionError.unknownPolicies`, `.policiesDecided`, `.samePerson`; `.damagedPolicies` if the preview
  ///   is not what the audit log committed to.
  package func approve(_ version: Int32, actor: String) async throws -> PolicySetDetail {
    try await decide(version, .stands, justification: nil, actor: actor)
  }

  /// It never takes effect. Whoever proposed it may take it back like this too.
  /// - Throws: as ``approve(_:actor:)``, and `RetentionError.invalidApproval`.
  package func reject(_ version: Int32, justification: String, actor: String) async throws -> PolicySetDetail
  {
    try Self.check(justification, .invalidApproval)
    return try await decide(version, .rejected, justification: justification, actor: actor)
  }

  private func decide(
    _ version: Int32, _ state: PolicySetRow.State, justification: String?, actor: String
  ) async throws -> PolicySetDetail {
    let (tenant, now, audit, hash) = (tenant, now(), audit, actorHash(actor))
    let secondPerson = directory.tenant.secondPerson
    try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
      guard let set = try Policies.find(version, tenant: tenant, in: tx) else { throw Self.unknown(version) }
      // Somebody who says it again changes nothing.
      if set.state == state, set.deciderHash == hash { return }
      guard set.state == .waiting else {
        throw RetentionError(.policiesDecided, "version \(version) does not wait for approval")
      }
      guard state == .rejected || !secondPerson || set.proposerHash != hash else {
        throw RetentionError(.samePerson, "the approver must be another person than the one who proposed it")
      }
      let preview = try CommittedPreview(version, tenant: tenant, audit: audit, in: tx)
      guard state == .rejected || preview?.isProven == true else {
        throw RetentionError(
          .damagedPolicies, "the preview of version \(version) is not what the audit log committed to")
      }
      let effectiveAt = state == .stands ? max(set.effectiveAt, now) : set.effectiveAt
      try Policies.decide(
        version, tenant: tenant, state, by: hash, effectiveAt: effectiveAt, at: now, in: tx)
      var entry = AuditEntry(
        tenant: tenant, actor: actor, action: "retention.\(state == .stands ? "approved" : "rejected")",
        object: "policy-set \(version)")
      if state == .stands { entry.details["effective_at"] = effectiveAt.rfc3339 }
      if let preview { entry.details["preview"] = preview.hash }
      if let justification { entry.personal["justification"] = justification }
      try audit.append([entry], at: now, in: tx)
    }
    return try await show(version)
  }

  private static func unknown(_ version: Int32) -> RetentionError {
    RetentionError(.unknownPolicies, "there is no version \(version) of the policies")
  }
}

/// A stored preview beside what the audit log has of it.
private struct CommittedPreview: Sendable {
  let row: PolicyPreviewRow
  let hash: String
  let isProven: Bool

  init?(_ version: Int32, tenant: TenantID, audit: AuditLog, in tx: borrowing Transaction) throws {
    guard let row = try PolicyPreviews.find(version, tenant: tenant, in: tx) else { return nil }
    self.row = row
    hash = SHA256.hash(Array(row.document.utf8)).hex
    let entry = try audit.entries(from: row.auditIndex, limit: 1, tenant: tenant, in: tx).first
    let said = entry.flatMap { $0.index == row.auditIndex ? CanonicalJSON(parsing: $0.bytes) : nil }
    // The entry of another version proves nothing of this one; nor does that of a decision, which has the preview as it
    // was found then.
    isProven =
      said?["object"]?.string == "policy-set \(version)" && said?["details"]?["preview"]?.string == hash
      && ["retention.set", "retention.proposed"].contains(said?["action"]?.string)
  }
}
