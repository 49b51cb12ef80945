package import Model
package import Postgres
import Sodium

extension AuditLog {
  /// Takes in what witnesses signed under a checkpoint: the lines a witness answers with, or a whole note with them
  /// below. Keeps those of configured witnesses and returns their names.
  ///
  /// - Parameter size: of the checkpoint that bare lines belong to; the newest without.
  /// - Throws: `notAuthentic` if nothing of a configured witness is there, or one of them signed something else.
  package func acceptCosignatures(
    _ text: String, size: Int64? = nil, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> [String] {
    let given = try CosignedText(text)
    let rows =
      if let size = given.size ?? size {
        try tx.execute(AuditStatement.checkpointOf, [.int8(size)])
      } else {
        try tx.execute(AuditStatement.lastCheckpoint)
      }
    guard rows.count == 1 else { throw AuditError(.outOfRange, "the log signed no checkpoint of that size") }
    let kept = try SignedNote(parsing: rows.text(0, 1))
    guard given.text == nil || given.text == kept.text else {
      throw AuditError(.notAuthentic, "the note is not the checkpoint of that size that this log signed")
    }
    var accepted: [String] = []
    for signature in given.signatures {
      guard let witness = witnesses.first(where: signature.isBy) else { continue }
      guard signature.verifies(kept.text, by: witness) else {
        throw AuditError(.notAuthentic, "the cosignature of \(witness.name) is not valid for the checkpoint")
      }
      try tx.execute(
        AuditStatement.insertCosignature,
        [
          .int8(rows.int64(0, 0)), .text(witness.name), .text(signature.line),
          .timestamp(microseconds: now.microseconds),
        ])
      accepted.append(witness.name)
    }
    guard !accepted.isEmpty else {
      throw AuditError(
        .notAuthentic,
        "no configured witness signed; setting audit.witnesses names whose signatures are taken")
    }
    return accepted
  }

  /// The note with the kept cosignatures below the log's own signature.
  func cosigned(_ note: String, of size: Int64, in tx: borrowing Transaction) throws -> String {
    let rows = try tx.execute(AuditStatement.cosignatures, [.int8(size)])
    return note + (0..<rows.count).map { rows.text($0, 0) + "\n" }.joined()
  }

  /// What a witness is asked with (C2SP tlog-witness, `add-checkpoint`): the size it signed last, the proof that the
  /// newest checkpoint grew out of that, and the checkpoint.
  package func witnessRequest(from old: Int64, in tx: borrowing Transaction) throws -> String {
    let rows = try tx.execute(AuditStatement.lastCheckpoint)
    guard rows.count == 1 else { throw AuditError(.outOfRange, "no checkpoint was signed yet") }
    let proof = try consistencyProof(from: old, to: rows.int64(0, 0), in: tx)
    return (["old \(old)"] + proof.map { $0.base64() }).joined(separator: "\n") + "\n\n" + rows.text(0, 1)
  }
}

/// Signature lines, alone or below a note.
private struct CosignedText {
  /// `nil`: lines alone.
  let text: String?
  let size: Int64?
  let signatures: [SignedNote.Signature]

  init(_ given: String) throws(AuditError) {
    if given.contains("\n\n") {
      let note = try SignedNote(parsing: given)
      (text, signatures) = (note.text, note.signatures)
      size = try Checkpoint(parsing: note.text).size
      return
    }
    let lines = given.split(separator: "\n").map(String.init)
    signatures = lines.compactMap { SignedNote.Signature(line: $0) }
    guard !lines.isEmpty, lines.count <= SignedNote.signaturesMax, signatures.count == lines.count else {
      throw AuditError(.notAuthentic, "a cosignature is a line of a signed note, as a witness answers it")
    }
    (text, size) = (nil, nil)
  }
}
