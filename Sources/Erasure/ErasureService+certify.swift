import History
import AuditLog
import Catalog
import KeyVault
import Model
import Postgres
import Sodium

extension ErasureService {
  /// Closes the request, for now or for good: audit entry, checkpoint, proof, certificate, and the end of the
  /// request's own key. Called only when verification found nothing that should not be there.
  func certify(
    _ row: ErasureRow, subject: SubjectID?, steps: ErasureSteps, _ residue: Residue, actor: String
  ) async throws -> Certificate {
    let kept = row.scope == .subject ? try await remains(row.id, subject) : try await self.kept(row)
    let untold = try await untold(subject)
    let handedOver = try await handedOver(subject)
    let (tenant, name, now, audit, vault) = (tenant, directory.tenant.name, now(), audit, vault)
    let request = KeyOwner.request(tenant, row.id)
    let (window, verification) = (settings.backupWindowSeconds, residue.verification)
    let certificate = try await database.transaction { tx in
      var steps = steps
      if row.scope == .subject { steps.restricted = try Preservations.count(erasure: row.id, in: tx) }
      let entry = Self.entry(
        kept.isEmpty ? "erasure.completed" : "erasure.restricted", row.id, actor, tenant,
        [
          "messages": String(steps.messages), "packages": String(steps.packages),
          "restricted": String(steps.restricted ?? 0),
        ])
      let index = try audit.append([entry], at: now, in: tx)
      let checkpoint = try audit.checkpoint(in: tx, at: now)
      let size = try audit.head(in: tx).size
      let proof = try audit.inclusionProof(of: index, size: size, in: tx)
      let statement = Certificate.Statement(
        id: Handle.text("erasure", row.id), tenant: name, subjectHash: row.subjectHash.hex,
        status: kept.isEmpty ? "complete" : "partial",
        scope: row.scope == .subject ? nil : row.scope.name, requestedAt: row.requestedAt.rfc3339,
        completedAt: now.rfc3339, stores: steps, verification: verification,
        remains: kept + untold + Self.remains(now: now, window: window, row.scope),
        notCovered: (row.scope == .subject ? ErasurePlan.limits : ErasurePlan.scopedLimits) + handedOver,
        auditIndex: index, auditCheckpoint: checkpoint, auditProof: proof.map { $0.base64() })
      let certificate = try Certificate(statement, signer: vault.signingKey("certificate"))
      try Self.close(row.id, certificate, steps, complete: kept.isEmpty, at: now, in: tx)
      try Self.tell(row.id, tenant, at: now, in: tx)
      try KeyVault.destroy([request], reason: Handle.text("erasure", row.id), at: now, in: tx)
      return certificate
    }
    vault.forget([request])
    return certificate
  }

  private static func close(
    _ id: Int64, _ certificate: Certificate, _ steps: ErasureSteps, complete: Bool, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    let (certificate, steps) = (try json(certificate), try json(steps))
    let wasUnderWay =
      complete
      ? try Erasures.complete(id, certificate: certificate, steps: steps, at: now, in: tx)
      : try Erasures.restrict(id, certificate: certificate, steps: steps, in: tx)
    guard wasUnderWay else {
      throw ErasureError(.wrongState, "the erasure was ended meanwhile; it is not certified twice")
    }
  }

  /// Withdrawn packages outside of the home, by their ids, so that their holders can be told.
  private func handedOver(_ subject: SubjectID?) async throws -> [String] {
    guard let subject else { return [] }
    let found = try await database.transaction { tx in
      try Exports.withdrawn(containing: subject, handedOver: true, limit: Self.packagesNamed + 1, in: tx)
    }
    guard !found.isEmpty else { return [] }
    let names = found.prefix(Self.packagesNamed).map { Handle.text("export", $0) }.joined(separator: ", ")
    let more = found.count > Self.packagesNamed ? " and more" : ""
    return ["packages that were handed over and name the person: \(names)\(more)"]
  }

  /// Clients are told which messages went, so that their copies go too; the ids are kept no longer than that takes.
  private func untold(_ subject: SubjectID?) async throws -> [Certificate.Statement.Remains] {
    guard let subject else { return [] }
    let tenant = tenant
    let waiting = try await database.transaction { tx in
      try DeletionOutbox.waiting(of: subject, tenant: tenant, in: tx)
    }
    guard waiting > 0 else { return [] }
    return [
      .init(
        what: "ids of messages, sealed under a key of the day, until the platform has fetched them",
        until: "delivery, or the end of deletions.keep", ground: "GDPR Art. 19: whoever has copies is told")
    ]
  }

  private static func scopedRemains(now: Timestamp, window: Int64, _ scope: ErasureScope)
    -> [Certificate.Statement.Remains]
  {
    var isConversation = false
    if case .conversation = scope { isConversation = true }
    return [
      .init(
        what: "ciphertext in dead tuples, write-ahead log and backups"
          + (isConversation
            ? "; the wrapped key of the conversation in those" : ", which the author's key opens"),
        until: now.adding(seconds: window).rfc3339, ground: "backup window"),
      .init(
        what: "random numbers with time and conversation of each message, without content",
        until: "unlimited",
        ground: "integrity of the record: a late delivery must not bring the message back"),
      .init(
        what:
          "audit entries of this erasure: numbers and salted commitments; what officers wrote as reasons stays sealed",
        until: "unlimited", ground: "GDPR Art. 5(2): accountability"),
    ]
  }

  private static func remains(now: Timestamp, window: Int64, _ scope: ErasureScope)
    -> [Certificate.Statement.Remains]
  {
    if scope != .subject { return scopedRemains(now: now, window: window, scope) }
    return [
      .init(
        what: "ciphertext in the archive, dead tuples, write-ahead log and backups; the wrapped key in those",
        until: now.adding(seconds: window).rfc3339,
        ground: "backup window: the key-encryption key that could open the wrapped key is destroyed then"),
      .init(
        what: "random numbers for the subject with time and conversation of each message, without content",
        until: "unlimited",
        ground: "integrity of the record; the row that led from the person to the number is gone"),
      .init(
        what: "keyed hash of the subject's id in the erasure ledger", until: "unlimited",
        ground: "GDPR Art. 5(2), 17: late deliveries and restored backups must not bring the person back"),
      .init(
        what:
          "audit entries of this erasure: numbers and salted commitments; what officers wrote as reasons stays sealed",
        until: "unlimited", ground: "GDPR Art. 5(2): accountability"),
    ]
  }
}
