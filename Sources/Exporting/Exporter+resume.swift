import Catalog
import History
import Model
import Postgres

extension Exporter {
  /// What a selection takes in from now on: what is stored after this moment is not in it.
  func snapshot(of selection: ExportSelection) async throws -> ExportSnapshot {
    let heads = try await database.read { tx in try Feed.heads(in: tx) }
    var bounded = selection
    bounded.heads = heads.sorted { $0.key < $1.key }.map(\.value)
    return ExportSnapshot(selection, heads: bounded.heads ?? [], counts: try await counts(bounded))
  }

  /// Goes on with an interrupted export.
  /// - Parameter id: as in ``ExportRecord/id``.
  package func resume(
    _ id: String, progress: @escaping @Sendable (ExportProgress) -> Void = { _ in }
  ) async throws -> ExportRecord {
    try await sweep()
    let record = try await show(id)
    guard let number = ExportID.number(id),
      let row = try await database.transaction({ tx in try Exports.find(number, in: tx) })
    else { throw ExportError(.unknownExport, "there is no export of that id") }
    if row.state == .completed { return record }
    guard row.state == .running else {
      throw ExportError(.wrongState, "\(id) is \(row.state.rawValue); make the export again")
    }
    return try await resume(row, progress)
  }

  private func running() async throws -> [ExportRow] {
    let tenant = tenant.id
    return try await database.transaction { tx in try Exports.list(tenant: tenant, state: .running, in: tx) }
  }

  func isResumable(_ row: ExportRow, _ account: ExportAccount) -> Bool {
    let draft = draftPath(of: account, row.id)
    // What it makes must not come out on another machine's disk.
    guard reaches(draft, of: account), isInsideHome(account.path) || account.host == ExportAccount.thisHost,
      DraftNotes(draft: draft).isResumable
    else { return false }
    return (try? DirectoryLock(draft)) != nil
  }

  /// The run that was to make the same, and died.
  func interrupted(
    at path: String, _ selection: ExportSelection, _ formats: Set<ExportFormat>, _ packaging: ExportPackaging,
    _ partBytes: Int64?
  ) async throws -> ExportRow? {
    for row in try await running() where Set(row.formats) == Set(formats.map(\.rawValue)) {
      guard let account = try? accountSeal.open(row.sealed, id: row.id), account.path == path,
        account.packaging == packaging, account.partBytes == partBytes, isResumable(row, account),
        let snapshot = try? DraftNotes(draft: draftPath(of: account, row.id)).snapshot(),
        snapshot.isOf(selection)
      else { continue }
      return row
    }
    return nil
  }

  func resume(_ row: ExportRow, _ progress: @escaping @Sendable (ExportProgress) -> Void) async throws
    -> ExportRecord
  {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let job = Job(row: row, account: account, formats: Set(row.formats.compactMap(ExportFormat.init)))
    let draftPath = draftPath(of: account, row.id)
    let notes = DraftNotes(draft: draftPath)
    guard notes.isResumable else {
      throw ExportError(.wrongState, "nothing of this export is left to go on with; make it again")
    }
    guard isInsideHome(account.path) || account.host == ExportAccount.thisHost else {
      throw ExportError(.beyondReach, "the package is to lie on another machine; go on with it there")
    }
    let snapshot = try await blocking { try notes.snapshot() }
    let selection = try await selection(of: snapshot)
    // Of one that nobody waits for, the record says why it ended.
    if !row.isUnattended { try await check(selection) }
    let hasBegun = try await blocking { notes.hasCheckpoint }
    let checkpoint = hasBegun ? try await standing(notes, snapshot, selection) : nil
    guard !hasBegun || checkpoint != nil else {
      return try await again(job, snapshot, selection, progress)
    }
    let draft: PackageDraft
    do {
      draft = try PackageDraft(resuming: draftPath, for: account.path, from: checkpoint)
    } catch let error as ExportError where error.code == .draftDamaged {
      return try await again(job, snapshot, selection, progress)
    }
    limit(draft, job)
    return try await finishing(job, draft) {
      if row.isUnattended { try await check(selection) }
      return (snapshot, selection, checkpoint)
    } progress: {
      progress($0)
    }
  }

  private func selection(of snapshot: ExportSnapshot) async throws -> ExportSelection {
    var selection = snapshot.selection
    guard let numbers = snapshot.messages else { return selection }
    let keys = ExportSnapshot.keys(numbers)
    var found: [Locator] = []
    for start in stride(from: 0, to: keys.count, by: 1_000) {
      let part = Array(keys[start..<min(start + 1_000, keys.count)])
      found += try await database.transaction { tx in try Locators.find(part, in: tx) }.values
    }
    selection.messages = found
    return selection
  }

  /// The checkpoint, if all that lies in the draft may still be there: what was deleted or erased since it was written
  /// must not come out of it. `nil`: everything is written anew.
  private func standing(_ notes: DraftNotes, _ snapshot: ExportSnapshot, _ selection: ExportSelection)
    async throws -> ExportCheckpoint?
  {
    guard let checkpoint = try? await blocking({ try notes.checkpoint() }) else { return nil }
    let there = ExportSnapshot.expected(try await counts(selection), selection.states)
    let was = snapshot.expectedByConversation
    let last = max(checkpoint.done ?? .min, checkpoint.place?.conversation ?? .min)
    let isWhole = was.allSatisfy { $0.key.rawValue > last || there[$0.key] == $0.value }
    return isWhole ? checkpoint : nil
  }

  /// The same export from its beginning: same number, same moment, what is left of the same selection.
  private func again(
    _ job: Job, _ snapshot: ExportSnapshot, _ selection: ExportSelection,
    _ progress: @escaping @Sendable (ExportProgress) -> Void
  ) async throws -> ExportRecord {
    let temporary = draftPath(of: job.account, job.row.id)
    try await blocking {
      let lock = try DirectoryLock(temporary)
      try withExtendedLifetime(lock) { try Paths.remove(temporary) }
    }
    let draft = try PackageDraft(
      destination: job.destination, temporary: temporary, export: job.row.id)
    limit(draft, job)
    return try await finishing(job, draft) {
      if job.row.isUnattended { try await check(selection) }
      let fresh = ExportSnapshot(selection, heads: snapshot.heads, counts: try await counts(selection))
      try await blocking { [notes = draft.notes] in try notes.keep(fresh) }
      return (fresh, selection, nil)
    } progress: {
      progress($0)
    }
  }
}
