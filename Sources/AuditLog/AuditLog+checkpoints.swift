package import Model
package import Postgres

extension AuditLog {
  /// Signs the state of the log, keeps the note and returns it; the one kept already if nothing was appended.
  ///
  /// Two checkpoints that contradict each other must never be signed (C2SP tlog-checkpoint), so the last one is
  /// first checked against the stored tree: throws `damaged` if the tree no longer grows out of it.
  @discardableResult
  package func checkpoint(in tx: borrowing Transaction, at time: Timestamp) throws -> String {
    let range = try Self.range(try tx.execute(AuditStatement.lockHead))
    let last = try tx.execute(AuditStatement.lastCheckpoint)
    if last.count == 1 {
      let note = last.text(0, 1)
      let signed = try Checkpoint.verify(note: note, by: key)
      try check(signed, isStartOf: range, in: tx)
      if signed.size == range.size { return try cosigned(note, of: signed.size, in: tx) }
    }
    let text = Checkpoint(origin: origin, size: range.size, root: range.root).text
    let note = SignedNote.sign(text, name: origin, with: signer)
    try tx.execute(
      AuditStatement.insertCheckpoint,
      [.int8(range.size), .text(note), .timestamp(microseconds: time.microseconds)])
    return note
  }

  /// The newest signed checkpoint with what witnesses signed under it; `nil` before the first.
  package func lastCheckpoint(in tx: borrowing Transaction) throws -> String? {
    let rows = try tx.execute(AuditStatement.lastCheckpoint)
    return rows.count == 1 ? try cosigned(rows.text(0, 1), of: rows.int64(0, 0), in: tx) : nil
  }

  /// Whether the log still grows out of a checkpoint that was signed before and is kept elsewhere. No other entry is
  /// appended until the transaction ends.
  package func continues(_ signed: Checkpoint, in tx: borrowing Transaction) throws -> Bool {
    try isStart(signed, of: Self.range(try tx.execute(AuditStatement.lockHead)), in: tx)
  }

  private func isStart(_ signed: Checkpoint, of range: CompactRange, in tx: borrowing Transaction) throws
    -> Bool
  {
    try signed.size <= range.size
      && MerkleProof.verifyConsistency(
        from: signed.size, root: signed.root, to: range.size, root: range.root,
        proof: hashes(of: MerkleProof.consistency(from: signed.size, to: range.size), in: tx))
  }

  private func check(_ signed: Checkpoint, isStartOf range: CompactRange, in tx: borrowing Transaction) throws
  {
    guard try isStart(signed, of: range, in: tx) else {
      throw AuditError(
        .damaged,
        "the audit log does not continue the checkpoint of size \(signed.size); run `muniment audit verify`")
    }
  }
}
