import AuditLog
import Catalog
import JobQueue
import KeyVault
import Postgres

extension Archiver {
  /// Runs a transaction that changes which segments there are. At its end nobody else has taken the lease, and nobody
  /// can before the commit: until then another run could sweep away what this one is about to name. The catalogue gets
  /// a new number, which the home remembers.
  ///
  /// - Throws: `LeaseLost`; nothing is changed then.
  func changingCatalogue<R: Sendable>(
    _ body: @escaping @Sendable (borrowing Transaction) throws -> R
  ) async throws -> R {
    let lease = lease
    let known = try mark.read()
    let (result, head, isNewest) = try await database.transaction { tx in
      let result = try body(tx)
      if let lease { try Leases.prove(lease, in: tx) }
      let before = try ArchiveHead.locked(in: tx)
      let isNewest = before.isAtLeast(known)
      return (result, try ArchiveHead.advance(forking: !isNewest, in: tx), isNewest)
    }
    // What comes after an older catalogue does not become the newest one by itself.
    if isNewest { try mark.write(head) }
    return result
  }

  /// Before what no transaction holds together.
  func requireLease() async throws {
    guard let lease else { return }
    guard try await database.read({ tx in try Leases.isHeld(lease, in: tx) }) else {
      throw LeaseLost(name: lease.name)
    }
  }

  /// Before anything is deleted because the catalogue does not name it. A database that was restored from a backup does
  /// not know the segments that replaced those it knows: they would be taken for leftovers, and are the only copies.
  func requireNewestCatalogue() async throws {
    let known = try mark.read()
    let head = try await database.read { tx in try ArchiveHead.read(in: tx) }
    guard head.isAtLeast(known) else {
      throw TieringError(
        .catalogueOlder,
        "the database is older than the archive: it was restored from a backup, or is another one. Segments that were "
          + "made since would be deleted as leftovers, so nothing is deleted")
    }
    guard try await vault.restoredShards().isEmpty else {
      throw TieringError(
        .keysRestored,
        "the database was restored from a backup, and the erasures since are not replayed: nothing is deleted from "
          + "the archive before that")
    }
  }

  /// Whether ``sweep()`` would not refuse.
  package func maySweep() async throws -> Bool {
    do {
      try await requireNewestCatalogue()
      return true
    } catch let error as TieringError where error.code == .catalogueOlder || error.code == .keysRestored {
      return false
    }
  }

  /// Takes the catalogue for the newest there is, whatever the home remembers, and says so in the audit log. From then
  /// on objects that it does not name may be swept.
  ///
  /// - Returns: whether it was taken for an older one before.
  package func acceptCatalogue(reason: String, dryRun: Bool) async throws -> Bool {
    let head = try await database.read { tx in try ArchiveHead.read(in: tx) }
    do {
      if head.isAtLeast(try mark.read()) { return false }
    } catch let error as TieringError where error.code == .catalogueOlder {
      // A damaged mark, which is what is to be replaced.
    }
    guard !dryRun else { return true }
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "archive.catalogue_accepted", object: "archive",
      details: ["reason": reason])
    let (audit, now) = (audit, now())
    let accepted = try await database.transaction { tx in
      // Other homes that remember what came after it have to accept it too.
      let accepted = try ArchiveHead.advance(forking: true, in: tx)
      _ = try audit.append([entry], at: now, in: tx)
      return accepted
    }
    try mark.write(accepted)
    return true
  }

  private var mark: CatalogueMark { CatalogueMark(path: settings.mark) }
}
