import Blocking
import Catalog
import Foundation
import History
import Model
import Postgres

/// What became of the packages of erased people.
package struct WithdrawalReport: Sendable, Hashable {
  /// Ids of packages whose files are gone.
  package var deleted: [String] = []
  /// Packages outside of the house, of another home or machine, or that cannot be removed: withdrawn, but somebody has
  /// to delete them.
  package var beyondReach: [String] = []
  /// Packages a process is at work on, which takes them back itself; the next call finds them gone.
  package var busy: [String] = []
}

/// An export whose files could not be seen to. Others are not kept waiting for it.
package struct ExportTrouble: Sendable, Hashable, CustomStringConvertible {
  package let id: String
  package let code: ExportError.Code
  package var description: String { "\(id): \(code.rawValue)" }
}

extension Exporter {
  /// A run whose draft is nowhere to be seen is taken for dead after this long, in seconds.
  private static let draftlessSecondsMax: Int64 = 3_600

  func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await runBlocking(body)
  }

  /// Clears up after runs that ended in the middle: removes their drafts, or delivers what the audit log states
  /// already. Leaves alone what another process is at work on.
  /// - Returns: what could not be seen to.
  @discardableResult
  package func sweep() async throws -> [ExportTrouble] {
    let tenant = tenant.id
    let (running, completed, cancelled) = try await database.transaction { tx in
      (
        try Exports.list(tenant: tenant, state: .running, in: tx),
        try Exports.list(tenant: tenant, state: .completed, in: tx),
        try Exports.list(tenant: tenant, state: .cancelled, in: tx)
      )
    }
    var troubles: [ExportTrouble] = []
    for row in running { try await noting(row, &troubles) { try await clear(row) } }
    for row in completed {
      try await noting(row, &troubles) {
        if row.removal == nil { try await deliverLate(row) } else { try await empty(row) }
      }
    }
    for row in cancelled { try await noting(row, &troubles) { try await clearCancelled(row) } }
    return troubles
  }

  /// One package that cannot be written or removed does not stop the others: it is named. What goes wrong with the
  /// database, or ends this process, ends it all.
  func noting(
    _ row: ExportRow, _ troubles: inout [ExportTrouble], _ body: () async throws -> Void
  ) async throws {
    do {
      try await body()
    } catch let error where error is CancellationError || error is PostgresError {
      throw error
    } catch {
      let code = (error as? ExportError)?.code ?? .destination
      // Withdrawn or deleted while it was handed over: whoever did that is told.
      guard code != .withdrawn, code != .cancelled else { return }
      troubles.append(ExportTrouble(id: ExportID.text(row.id), code: code))
    }
  }

  func remains(of row: ExportRow, _ account: ExportAccount) -> ExportRemains {
    ExportRemains(
      draft: draftPath(of: account, row.id), destination: account.path, export: row.id,
      isSplit: account.partBytes != nil)
  }

  private func clear(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let draft = draftPath(of: account, row.id)
    guard reaches(draft, of: account) else { return }
    let since = (row.run?.beatAt ?? row.createdAt).adding(seconds: settings.resumeSeconds)
    let mayGoOn = now() < since
    let isDead = try await blocking {
      guard Paths.exists(draft) else { return false }
      if mayGoOn, DraftNotes(draft: draft).isResumable { return false }
      guard let lock = try? DirectoryLock(draft) else { return false }
      try withExtendedLifetime(lock) { try Paths.remove(draft) }
      return true
    }
    let now = now()
    guard isDead || (!Paths.exists(draft) && row.createdAt.adding(seconds: Self.draftlessSecondsMax) < now)
    else { return }
    let reason = ExportError.Code.interrupted.rawValue
    _ = try await database.transaction { tx in try Exports.fail(row.id, because: reason, at: now, in: tx) }
  }

  private func deliverLate(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let remains = remains(of: row, account)
    guard let left = remains.left else {
      // It got its name, and the process died before it wrote down how big it is and until when it is kept.
      if row.contentBytes == 0, try await isThere(account) { try await note(row, account) }
      return
    }
    // Its place may be on another machine's disk.
    let isBeside = remains.draft == PackageDraft.temporary(for: account.path, export: row.id)
    guard isBeside || isInsideHome(account.path) || account.host == ExportAccount.thisHost,
      let lock = try? DirectoryLock(left)
    else { return }
    try await deliver(
      SealedPackage(id: row.id, manifestHash: row.manifestHash ?? [], account: account))
    withExtendedLifetime(lock) {}
  }

  func isThere(_ account: ExportAccount) async throws -> Bool {
    try await blocking {
      !PackageParts.files(at: account.path, isSplit: account.partBytes != nil).isEmpty
    }
  }

  /// How long the withdrawal waits for processes that are at work on a package to let go of it: they look once a
  /// second.
  private static let patience = Duration.seconds(5)

  /// Deletes the files of withdrawn packages, as far as they are within reach, and forgets about them.
  /// Call it after ``Exports/withdraw(containing:at:in:)`` has committed; repeats without harm.
  package func deleteWithdrawn() async throws -> WithdrawalReport {
    let tenant = tenant.id
    let rows = try await database.transaction { tx in
      try Exports.list(tenant: tenant, state: .withdrawn, in: tx)
    }
    var report = WithdrawalReport()
    var waiting = rows.filter { !$0.sealed.isEmpty }
    let end = ContinuousClock.now + Self.patience
    while true {
      var busy: [ExportRow] = []
      for row in waiting {
        var troubles: [ExportTrouble] = []
        try await noting(row, &troubles) {
          if try await !deleteWithdrawn(row, &report) { busy.append(row) }
        }
        report.beyondReach += troubles.map(\.id)
      }
      waiting = busy
      guard !busy.isEmpty, ContinuousClock.now < end else { break }
      try await Task.sleep(for: .milliseconds(200))
    }
    report.busy = waiting.map { ExportID.text($0.id) }
    return report
  }

  /// `false` while a process is at work on it.
  private func deleteWithdrawn(_ row: ExportRow, _ report: inout WithdrawalReport) async throws -> Bool {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let (remains, id, isOwn) = (remains(of: row, account), ExportID.text(row.id), isOwn(account))
    // A draft is the house's own wherever it lies.
    guard try await blocking({ try remains.remove() }) else { return false }
    let isReached =
      row.manifestHash == nil
      ? reaches(remains.draft, of: account) : row.insideHome && reaches(account.path, of: account)
    // What never was completed has no package.
    let isGone =
      isReached && row.manifestHash != nil
      ? try await blocking { try Self.removePackage(account, export: row.id, isOwn: isOwn) } : isReached
    guard isGone else {
      report.beyondReach.append(id)
      return true
    }
    try await database.transaction { tx in try Exports.forget(row.id, in: tx) }
    report.deleted.append(id)
    return true
  }

  /// What a cancelled run left; one that is alive sees to it itself.
  func clearCancelled(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let remains = remains(of: row, account)
    guard reaches(remains.draft, of: account), try await blocking({ try remains.remove() }) else { return }
    try await database.transaction { tx in try Exports.forgetPeople(of: row.id, in: tx) }
  }

  /// Removes the content of a package whose record says that it goes. Where a process hands it over just now, that one
  /// takes it back.
  /// - Returns: whether it is one of this home.
  @discardableResult
  func empty(_ row: ExportRow) async throws -> Bool {
    let account = try accountSeal.open(row.sealed, id: row.id)
    let (remains, isOwn) = (remains(of: row, account), isOwn(account))
    guard row.insideHome, reaches(account.path, of: account) || remains.left != nil else { return false }
    guard try await blocking({ try remains.remove() }) else { return true }
    guard try await blocking({ try Self.removePackage(account, export: row.id, isOwn: isOwn) }) else {
      throw ExportError(.destination, "what lies in the package's place is not it; nothing was deleted")
    }
    try await database.transaction { tx in try Exports.forgetPeople(of: row.id, in: tx) }
    return true
  }

  /// Removes the package, but not another that was put at its path since. `false` if what lies there cannot be told;
  /// an encrypted one below the home it was made in is taken for it.
  static func removePackage(_ account: ExportAccount, export: Int64, isOwn: Bool) throws -> Bool {
    let path = account.path
    let way = PackageDraft.temporary(for: path, export: export) + ".gone"
    try Paths.remove(way)
    let files = PackageParts.files(at: path, isSplit: account.partBytes != nil)
    guard !files.isEmpty else { return true }
    if !Paths.exists(path) {
      // Without its list, parts cannot be told from another's.
      guard let list = try? PackageParts.read(path)?.list else { return false }
      guard list.exportID == ExportID.text(export) else { return true }
      for file in files { try Paths.remove(file) }
      return true
    }
    if Packages.isEncrypted(path) {
      guard isOwn || account.home == nil else { return false }
    } else {
      guard let bytes = try? Packages.open(path).read(Manifest.fileName, limit: Manifest.bytesMax),
        let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes))
      else { return false }
      guard manifest.exportID == ExportID.text(export) else { return true }
    }
    try Paths.remove(path, by: way)
    try Paths.syncDirectory(Paths.parent(of: path))
    return true
  }
}
