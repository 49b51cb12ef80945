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
  /// Packages outside of the house, or on another machine: withdrawn, but somebody has to delete them.
  package var beyondReach: [String] = []
}

extension Exporter {
  /// A run whose draft is nowhere to be seen is taken for dead after this long, in seconds.
  private static let draftlessSecondsMax: Int64 = 3_600

  func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await runBlocking(body)
  }

  /// Clears up after runs that ended in the middle: removes their drafts, or delivers what the audit log states
  /// already. Leaves alone what another process is at work on.
  package func sweep() async throws {
    let tenant = tenant.id
    let (running, completed, cancelled) = try await database.transaction { tx in
      (
        try Exports.list(tenant: tenant, state: .running, in: tx),
        try Exports.list(tenant: tenant, state: .completed, in: tx),
        try Exports.list(tenant: tenant, state: .cancelled, in: tx)
      )
    }
    for row in running { try await clear(row) }
    for row in completed {
      if row.removal == nil { try await deliverLate(row) } else { try await empty(row) }
    }
    for row in cancelled { try await clearCancelled(row) }
  }

  private func clear(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard account.host == ExportAccount.thisHost else { return }
    let draft = draftPath(of: account, row.id)
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
    guard account.host == ExportAccount.thisHost else { return }
    let draft = draftPath(of: account, row.id)
    let left = [draft, PackagePacking.packed(draft)].first(where: Paths.exists)
    guard let left, let lock = try? DirectoryLock(left) else { return }
    try await deliver(
      SealedPackage(id: row.id, manifestHash: row.manifestHash ?? [], account: account))
    withExtendedLifetime(lock) {}
  }

  /// Deletes the files of withdrawn packages, as far as they are within reach, and forgets about them.
  /// Call it after ``Exports/withdraw(containing:at:in:)`` has committed; repeats without harm.
  package func deleteWithdrawn() async throws -> WithdrawalReport {
    let tenant = tenant.id
    let rows = try await database.transaction { tx in
      try Exports.list(tenant: tenant, state: .withdrawn, in: tx)
    }
    var report = WithdrawalReport()
    for row in rows where !row.sealed.isEmpty {
      let account = try accountSeal.open(row.sealed, id: row.id)
      let draft = draftPath(of: account, row.id)
      let file = PackagePacking.file(account.path, export: row.id)
      guard account.host == ExportAccount.thisHost else {
        report.beyondReach.append(ExportID.text(row.id))
        continue
      }
      // A draft is the house's own wherever it lies.
      try await blocking {
        for path in [draft, PackagePacking.packed(draft)] + PackageParts.files(at: file) {
          try Paths.remove(path)
        }
      }
      guard row.insideHome || row.manifestHash == nil else {
        report.beyondReach.append(ExportID.text(row.id))
        continue
      }
      guard try await blocking({ try Self.removePackage(account.path, export: row.id) }) else {
        report.beyondReach.append(ExportID.text(row.id))
        continue
      }
      try await database.transaction { tx in try Exports.forget(row.id, in: tx) }
      report.deleted.append(ExportID.text(row.id))
    }
    return report
  }

  /// What a cancelled run left; one that is alive sees to it itself.
  func clearCancelled(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard account.host == ExportAccount.thisHost else { return }
    let draft = draftPath(of: account, row.id)
    let isGone = try await blocking {
      guard Paths.exists(draft) else { return true }
      guard let lock = try? DirectoryLock(draft) else { return false }
      try withExtendedLifetime(lock) { try Paths.remove(draft) }
      return true
    }
    guard isGone else { return }
    try await database.transaction { tx in try Exports.forgetPeople(of: row.id, in: tx) }
  }

  /// Removes the content of a package whose record says that it goes.
  func empty(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard account.host == ExportAccount.thisHost, row.insideHome,
      !PackageParts.files(at: account.path).isEmpty
    else { return }
    guard try await blocking({ try Self.removePackage(account.path, export: row.id) }) else {
      throw ExportError(.destination, "what lies in the package's place is not it; nothing was deleted")
    }
    try await database.transaction { tx in try Exports.forgetPeople(of: row.id, in: tx) }
  }

  /// Removes the package, but not another that was put at its path since. `false` if what lies there cannot be told;
  /// an encrypted one below the home is taken for it.
  private static func removePackage(_ path: String, export: Int64) throws -> Bool {
    let files = PackageParts.files(at: path)
    guard !files.isEmpty else { return true }
    if !Paths.exists(path) {
      // Without its list, parts cannot be told from another's.
      guard let list = try? PackageParts.read(path)?.list else { return false }
      guard list.exportID == ExportID.text(export) else { return true }
      for file in files { try Paths.remove(file) }
      return true
    }
    if !Packages.isEncrypted(path) {
      guard let bytes = try? Packages.open(path).read(Manifest.fileName, limit: Manifest.bytesMax),
        let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes))
      else { return false }
      guard manifest.exportID == ExportID.text(export) else { return true }
    }
    try Paths.remove(path)
    try Paths.syncDirectory(Paths.parent(of: path))
    return true
  }
}
