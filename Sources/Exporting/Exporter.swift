import Archive
package import AuditLog
import Catalog
package import History
package import KeyVault
package import Model
package import Postgres
import Sodium

/// Makes packages of one tenant's messages for courts, authorities and the people themselves, and keeps account of
/// them.
package struct Exporter: Sendable {
  let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let audit: AuditLog
  /// Packages below this directory are the house's to delete when a person inside is erased.
  let home: String?
  package var settings: ExportLimits
  let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, history: HistoryReader, audit: AuditLog,
    home: String? = nil, settings: ExportLimits = ExportLimits(), now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.history = history
    self.audit = audit
    self.home = home.map(Paths.absolute)
    self.settings = settings
    self.now = now
  }

  var tenant: Tenant { directory.tenant }

  /// What checks of packages are configured with: the public key they are signed by.
  package var verifierKey: String? {
    Manifest.key(of: vault.signingKey("export"))?.verifierKey
  }

  /// Select → read hot and cold → write formats → manifest → sign → state it in the audit log → name the package.
  /// A crash leaves a draft under another name. Whoever asks for the same at the same path goes on with it; where the
  /// log states the package already, the next run finishes it. Refuses a destination that exists.
  /// - Parameters:
  ///   - partBytes: cuts the file into parts of so many bytes.
  ///   - onStart: gets the export's id as soon as it is in the books.
  package func create(
    _ selection: ExportSelection, formats: Set<ExportFormat>, output path: String,
    as packaging: ExportPackaging = .directory, partBytes: Int64? = nil, actor: String,
    progress: @escaping @Sendable (ExportProgress) -> Void = { _ in },
    onStart: @Sendable (String) async throws -> Void = { _ in }
  ) async throws -> ExportRecord {
    try await sweep()
    let path = try await checked(selection, formats, path, packaging, partBytes)
    if let row = try await interrupted(at: path, selection, formats, packaging, partBytes) {
      try await onStart(ExportID.text(row.id))
      return try await resume(row, progress)
    }
    try await checkQuota(path)
    let job = try await begin(selection, formats, output: path, packaging, partBytes, actor: actor)
    try await onStart(ExportID.text(job.row.id))
    return try await carryOut(job, selection, progress)
  }

  /// The destination, if what is asked for can be made.
  func checked(
    _ selection: ExportSelection, _ formats: Set<ExportFormat>, _ path: String,
    _ packaging: ExportPackaging, _ partBytes: Int64?
  ) async throws -> String {
    try await check(selection)
    try DSARFormat.check(formats, selection)
    try Self.check(partBytes, packaging)
    return Paths.absolute(path)
  }

  /// The run of an export that has begun.
  func carryOut(
    _ job: Job, _ selection: ExportSelection, _ progress: @escaping @Sendable (ExportProgress) -> Void
  ) async throws -> ExportRecord {
    let draft = try await draft(of: job)
    return try await finishing(job, draft) {
      let snapshot = try await snapshot(of: selection)
      try await blocking { [notes = draft.notes] in try notes.keep(snapshot) }
      var selection = selection
      selection.heads = snapshot.heads
      return (snapshot, selection, nil)
    } progress: {
      progress($0)
    }
  }

  func draft(of job: Job) async throws -> PackageDraft {
    do {
      let draft = try PackageDraft(
        destination: job.destination, temporary: draftPath(of: job.account, job.row.id), export: job.row.id)
      limit(draft, job)
      return draft
    } catch {
      try? await fail(job.row.id, because: error)
      throw error
    }
  }

  func limit(_ draft: PackageDraft, _ job: Job) {
    draft.log.held = settings.filesHeld
    draft.log.max = job.account.packaging.isFile ? PackagePacking.filesMax : nil
  }

  /// What a run starts from.
  typealias Start = (snapshot: ExportSnapshot, selection: ExportSelection, checkpoint: ExportCheckpoint?)

  func finishing(
    _ job: Job, _ draft: PackageDraft, _ start: () async throws -> Start,
    progress: @escaping @Sendable (ExportProgress) -> Void
  ) async throws -> ExportRecord {
    do {
      draft.pulse.wrote(job.row.messages)
      let sealed = try await beating(job.row.id, draft.pulse) {
        let (snapshot, selection, checkpoint) = try await start()
        let counts = try await write(
          snapshot, selection, job, into: draft, from: checkpoint, progress)
        let sealed = try await seal(selection, job, draft, counts)
        try await complete(job, sealed)
        return sealed
      }
      try await handOver(sealed)
      return try await show(ExportID.text(job.row.id))
    } catch {
      try? await letGo(job, draft, after: error)
      throw error
    }
  }

  /// What is stated in the audit log is not made again for a full disk or a name that was taken meanwhile.
  private func handOver(_ package: SealedPackage) async throws {
    do {
      try await deliver(package)
    } catch let error where error is ExportError || error is ArchiveError {
      if let code = (error as? ExportError)?.code, code == .withdrawn || code == .cancelled { throw error }
      throw ExportError(
        .destination,
        "\(error); the package is made and in the audit log: once that is mended, the next `export create` of "
          + "whatever puts it at \(package.account.path) first")
    }
  }

  /// The draft goes, unless the log states the package already (then the next run delivers it), or the run was only
  /// interrupted (then another one goes on with it).
  private func letGo(_ job: Job, _ draft: PackageDraft, after error: any Error) async throws {
    let id = job.row.id
    if Self.isInterruption(error), draft.notes.isResumable { return }
    let state = try await database.transaction { tx in try Exports.find(id, in: tx)?.state }
    guard state != .completed else { return }
    await draft.abandon()
    try await fail(id, because: error)
    if state == .cancelled {
      try await database.transaction { tx in try Exports.forgetPeople(of: id, in: tx) }
    }
  }

  private static func isInterruption(_ error: any Error) -> Bool {
    error is CancellationError || (error as? PostgresError)?.isRetryable == true
  }

  /// Of other errors than this target's the code says nothing.
  func fail(_ id: Int64, because error: any Error) async throws {
    let (now, reason) = (now(), (error as? ExportError)?.code.rawValue)
    _ = try await database.transaction { tx in try Exports.fail(id, because: reason, at: now, in: tx) }
  }

  /// What a selection would take in, by conversation. Reads locators only.
  package func estimate(_ selection: ExportSelection) async throws -> ExportEstimate {
    try await check(selection)
    let counts = try await counts(selection)
    var estimate = ExportEstimate()
    for count in counts where selection.states.contains(count.state) {
      if estimate.conversations.last?.conversation != count.conversation {
        estimate.conversations.append(ExportEstimate.Conversation(conversation: count.conversation))
      }
      let last = estimate.conversations.indices.last ?? 0
      estimate.conversations[last].messages += count.messages
      if count.state == .restricted { estimate.conversations[last].restricted += count.messages }
      if count.clientSealed { estimate.conversations[last].sealed += count.messages }
    }
    return estimate
  }
}
