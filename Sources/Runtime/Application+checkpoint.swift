import AuditLog
import Foundation
import Model
import Postgres
import Sodium

extension Application {
  /// The newest checkpoint that left the database, beside the erasure ledger: a database that is restored from before
  /// does not take it back.
  private var keptCheckpoint: URL { URL(fileURLWithPath: settings.home + "/audit-checkpoint") }

  /// Signs the audit log as it is and keeps the note outside of the database. Where the log does not continue the note
  /// that was kept there before, as its database was restored from an older backup or it was rewritten, an entry of the
  /// log says so before the next signature.
  ///
  /// - Returns: that it does not; `nil`: all is well.
  func keepCheckpoint(actor: String) async throws -> String? {
    let (audit, now, kept) = (audit, Self.clock(), try kept())
    let (note, fork) = try await database.transaction { tx in
      var fork: String?
      if let kept, try !audit.continues(kept, in: tx) {
        let entry = AuditEntry(
          tenant: nil, actor: actor, action: "audit.restored", object: "checkpoint \(kept.size)",
          details: ["size": String(kept.size), "root": kept.root.base64()])
        let index = try audit.append([entry], at: now, in: tx)
        fork =
          "the audit log does not continue the checkpoint of size \(kept.size) that was kept in the home: its database "
          + "was restored from an older backup, or it was rewritten; entry \(index) says so"
      }
      return (try audit.checkpoint(in: tx, at: now), fork)
    }
    // After the commit: what is kept was signed for good.
    try Data(note.utf8).write(to: keptCheckpoint, options: .atomic)
    return fork
  }

  private func kept() throws -> Checkpoint? {
    guard FileManager.default.fileExists(atPath: keptCheckpoint.path) else { return nil }
    let note = String(decoding: try Data(contentsOf: keptCheckpoint), as: UTF8.self)
    return try Checkpoint.verify(note: note, by: audit.key)
  }
}
