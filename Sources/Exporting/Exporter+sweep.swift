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
    let (running, completed) = try await database.transaction { tx in
      (
        try Exports.list(tenant: tenant, state: .running, in: tx),
        try Exports.list(tenant: tenant, state: .completed, in: tx)
      )
    }
    for row in running { try await clear(row) }
    for row in completed { try await deliverLate(row) }
  }

  private func clear(_ row: ExportRow) async throws {
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard account.host == ExportAccount.thisHost else { return }
    let draft = draftPath(of: account, row.id)
    let isDead = try await blocking {
      guard Paths.exists(draft) else { return false }
      guard let lock = try? DirectoryLock(draft) else { return false }
      try withExtendedLifetime(lock) { try Paths.remove(draft) }
      return true
    }
    let now = now()
    guard isDead || row.createdAt.adding(seconds: Self.draftlessSecondsMax) < now else { return }
    _ = try await database.transaction { tx in try Exports.fail(row.id, at: now, in: tx) }
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
        for path in [draft, PackagePacking.packed(draft), file] { try Paths.remove(path) }
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

  /// Removes the package, but not another that was put at its path since. `false` if what lies there cannot be told;
  /// an encrypted one below the home is taken for it.
  private static func removePackage(_ path: String, export: Int64) throws -> Bool {
    guard Paths.exists(path) else { return true }
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
