import AuditLog
import Catalog
import History
import KeyVault
import Model
import Postgres
import Sodium

extension Exporter {
  /// An export that runs.
  struct Job: Sendable {
    let row: ExportRow
    let account: ExportAccount
    let formats: Set<ExportFormat>
    var destination: String { account.path }
  }

  /// A package that is whole but for its custody and its name.
  struct SealedPackage: Sendable {
    let id: Int64
    let manifestHash: [UInt8]
    var account: ExportAccount
    /// Of the person whose messages it has; `nil`: it is not about one.
    var subjectHash: [UInt8]?
  }

  func begin(
    _ selection: ExportSelection, _ formats: Set<ExportFormat>, output path: String,
    _ packaging: ExportPackaging = .directory, _ partBytes: Int64? = nil, unattended: Bool = false,
    actor: String
  ) async throws -> Job {
    guard PackageParts.files(at: path, isSplit: partBytes != nil).isEmpty else {
      throw ExportError(.pathExists, "\(path) exists already; choose a path where nothing is")
    }
    let id = Randomness.identifier()
    let account = ExportAccount(
      path: path, packaging: packaging, partBytes: partBytes, actor: actor,
      home: try await blocking { [home] in try home.map(HomeMark.ensure) })
    var row = ExportRow(
      id: id, tenant: tenant.id, formats: formats.map(\.rawValue).sorted(), insideHome: isInsideHome(path),
      sealed: try accountSeal.seal(account, id: id), createdAt: now(), hold: selection.hold)
    row.isUnattended = unattended
    // Said before anything is read: a run that fails has looked, too.
    let (audit, entry) = (
      audit, requestEntry(selection, "export.requested", ExportID.text(id), actor, formats)
    )
    try await database.transaction { [row] tx in
      try Exports.insert(row, in: tx)
      try audit.append([entry], at: row.createdAt, in: tx)
    }
    return Job(row: row, account: account, formats: formats)
  }

  /// Where a package is written before it is handed out. What is packed into one file is written in the home: the
  /// destination, which may be a stick, sees nothing that is not encrypted.
  func draftPath(of account: ExportAccount, _ id: Int64) -> String {
    guard account.packaging.isFile, let home else {
      return PackageDraft.temporary(for: account.path, export: id)
    }
    return PackageDraft.temporary(for: home + "/exports/package", export: id)
  }

  func isInsideHome(_ path: String) -> Bool { home.map { path.hasPrefix($0 + "/") } ?? false }

  var accountSeal: ExportSeal { ExportSeal(vault: vault, tenant: tenant.id) }

  /// Manifest and signature; afterwards everything is on the disk.
  func seal(_ selection: ExportSelection, _ job: Job, _ draft: PackageDraft, _ counts: ExportCounts)
    async throws
    -> SealedPackage
  {
    let id = ExportID.text(job.row.id)
    let (files, list) = try await draft.log.listing(in: draft.temporary)
    let manifest = Manifest(
      version: list == nil ? Manifest.version : Manifest.listedVersion, exportID: id, tenant: tenant.name,
      selection: try await named(selection), madeAt: job.row.createdAt.rfc3339,
      complete: counts.gaps == 0 && counts.unreadable == 0, counts: counts, files: files, fileList: list)
    var account = job.account
    account.counts = counts
    let hash = try await draft.seal(manifest, by: vault.signingKey("export"))
    return SealedPackage(
      id: job.row.id, manifestHash: hash, account: account,
      subjectHash: manifest.selection.subject.map { directory.hasher.hash("subject", $0) })
  }

  /// The selection by the platform's ids, as the package states it.
  private func named(_ selection: ExportSelection) async throws -> Manifest.Selection {
    var named = Manifest.Selection()
    if let subject = selection.subject {
      named.subject = try await directory.profiles([subject])[subject]?.id
    }
    if let places = selection.conversations {
      named.conversations = try await directory.cards(Set(places)).values.map(\.profile.id).sorted()
    }
    named.hold = selection.hold.map { ExportID.named("hold", $0) }
    named.messages = selection.messages?.count
    named.query = selection.query
    named.from = selection.from?.rfc3339
    named.to = selection.to?.rfc3339
    named.feed = selection.heads
    return named
  }

  /// Completion and audit entry in one transaction. Refused when the export was withdrawn, or somebody inside is
  /// being erased.
  func complete(_ job: Job, _ package: SealedPackage) async throws {
    let (audit, tenant, seal, now) = (audit, tenant.id, accountSeal, now())
    let entry = auditEntry(job, package)
    do {
      try await database.transaction { tx in
        guard try !Exports.namesErased(package.id, tenant: tenant, in: tx) else { throw Self.withdrawn }
        let index = try audit.append([entry], at: now, in: tx)
        var account = package.account
        account.completedAt = now
        account.auditIndex = index
        let completed = try Exports.complete(
          package.id, messages: Int64(account.counts.messages), manifestHash: package.manifestHash,
          sealed: try seal.seal(account, id: package.id), at: now, in: tx)
        guard completed else { throw Self.withdrawn }
      }
    } catch let error as ExportError where error.code == .withdrawn {
      throw try await stopped(package.id)
    }
  }

  static let withdrawn = ExportError(
    .withdrawn, "somebody inside is being erased, or the run was given up for dead; make the export again",
    isRetryable: true)

  private func auditEntry(_ job: Job, _ package: SealedPackage) -> AuditEntry {
    let counts = package.account.counts
    var details = [
      "conversations": String(counts.conversations), "messages": String(counts.messages),
      "restricted": String(counts.restricted), "formats": job.row.formats.joined(separator: ","),
      "manifest_sha256": package.manifestHash.hex,
    ]
    // What was made about somebody for others may be an inquiry that they must not hear of.
    if package.subjectHash != nil, !job.formats.contains(.dsar) { details[AuditEntry.silentDetail] = "true" }
    return AuditEntry(
      tenant: tenant.id, actor: job.account.actor, action: "export.created",
      object: ExportID.text(package.id), details: details, personal: ["path": job.account.path],
      mentions: package.subjectHash.map { [AuditEntry.Mention($0, part: "path")] } ?? [])
  }

  /// Adds the chain of custody and gives the package its name. Repeats without harm.
  func deliver(_ package: SealedPackage) async throws {
    let row = try await database.transaction { tx in try Exports.find(package.id, in: tx) }
    guard let row, row.state == .completed else { throw Self.withdrawn }
    guard row.removal == nil else { throw Self.removed }
    let account = try accountSeal.open(row.sealed, id: row.id)
    let custody = try custody(row, account).bytes
    let draft = draftPath(of: account, row.id)
    try await addProof(row, account, to: draft)
    if account.packaging.isFile {
      let packing = PackagePacking(
        draft: draft, destination: account.path, export: row.id, packaging: account.packaging,
        modified: row.createdAt.microseconds / 1_000_000, partBytes: account.partBytes,
        parts: { [signer = vault.signingKey("export")] parts in
          try PackageParts(
            exportID: ExportID.text(row.id), manifestSHA256: (row.manifestHash ?? []).hex,
            encrypted: !account.packaging.recipients.isEmpty, parts: parts
          ).signed(by: signer)
        })
      try await blocking { try PackageDraft.deliver(custody: custody, packing) }
    } else {
      try await blocking { try PackageDraft.deliver(draft, custody: custody, to: account.path) }
    }
    try await takeBackIfGone(row, account)
    try await note(row, account)
  }

  static let removed = ExportError(
    .cancelled, "the package was deleted while it was handed over; nothing of it is left")

  /// A package that was withdrawn or deleted while it was packed does not stay: whoever did that found nothing at its
  /// place yet. Who does it from now on finds it.
  func takeBackIfGone(_ row: ExportRow, _ account: ExportAccount) async throws {
    let now = try await database.transaction { tx in try Exports.find(row.id, in: tx) }
    if let now, now.state == .completed, now.removal == nil { return }
    try await blocking { _ = try Self.removePackage(account, export: row.id, isOwn: true) }
    throw now?.removal == nil ? Self.withdrawn : Self.removed
  }

  /// How big the package is, and until when it is kept here.
  func note(_ row: ExportRow, _ account: ExportAccount) async throws {
    let bytes = try await blocking {
      try PackageParts.files(at: account.path, isSplit: account.partBytes != nil).reduce(0) {
        $0 + (try Paths.bytes(of: $1))
      }
    }
    let completed = account.completedAt ?? row.createdAt
    let expires = row.insideHome ? settings.expirySeconds.map { completed.adding(seconds: $0) } : nil
    try await database.transaction { tx in
      try Exports.note(row.id, bytes: bytes, expiresAt: expires, in: tx)
    }
  }

  private func custody(_ row: ExportRow, _ account: ExportAccount) throws -> Custody {
    let completed = (account.completedAt ?? row.createdAt).rfc3339
    return try Custody(
      exportID: ExportID.text(row.id), manifestSHA256: (row.manifestHash ?? []).hex, auditLog: audit.origin,
      auditKey: audit.key.verifierKey,
      events: [
        Custody.Event(
          action: "export.requested", by: account.actor, at: row.createdAt.rfc3339, auditIndex: nil),
        Custody.Event(
          action: "export.created", by: account.actor, at: completed, auditIndex: account.auditIndex),
      ]
    ).signed(by: vault.signingKey("export"))
  }
}
