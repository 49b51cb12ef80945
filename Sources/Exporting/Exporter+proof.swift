import AuditLog
import Catalog
import Model
import Postgres
import Sodium

/// Files that prove, without the log, that it states the package.
enum AuditProof {
  static let entryName = "audit-entry.json"
  static let proofName = "audit.tlog-proof"
  static let entryBytesMax = 1 << 16
  static let proofBytesMax = 1 << 16
}

extension Exporter {
  /// Signs the state of the log and puts the entry, its way to that state, and the signature into the draft. Once more
  /// after a crash, with a newer state perhaps.
  func addProof(_ row: ExportRow, _ account: ExportAccount, to draft: String) async throws {
    guard let index = account.auditIndex, try await blocking({ Paths.exists(draft) }) else { return }
    let (audit, now) = (audit, now())
    let (entry, proof) = try await database.transaction { tx in
      try audit.checkpoint(in: tx, at: now)
      return (try audit.entries(from: index, limit: 1, in: tx).first, try audit.proof(of: index, in: tx))
    }
    guard let entry, entry.index == index else { return }
    try await blocking {
      try Paths.replace(draft + "/" + AuditProof.entryName, with: entry.bytes)
      try Paths.replace(draft + "/" + AuditProof.proofName, with: Array(proof.text.utf8))
    }
  }
}
