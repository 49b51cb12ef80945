import Sodium

/// What the log says of itself: how many entries it has and their root (C2SP tlog-checkpoint). Lines: origin,
/// size in decimal, root in base64.
package struct Checkpoint: Hashable, Sendable {
  package let origin: String
  package let size: Int64
  package let root: [UInt8]

  package init(origin: String, size: Int64, root: [UInt8]) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  package var text: String { "\(origin)\n\(size)\n\(root.base64())\n" }

  /// Extension lines after the third are allowed and ignored.
  package init(parsing text: String) throws(AuditError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard lines.count >= 4, lines.last == "", !lines[0].isEmpty, let size = Int64(lines[1]), size >= 0,
      String(size) == lines[1], let root = [UInt8](base64: lines[2]), root.count == Merkle.hashSize
    else { throw AuditError(.notAuthentic, "the note is not a checkpoint") }
    self.init(origin: lines[0], size: size, root: root)
  }

  /// Reads a signed checkpoint and checks its signature; needs nothing but the public key.
  package static func verify(note: String, by key: NoteKey) throws(AuditError) -> Checkpoint {
    let note = try SignedNote(parsing: note)
    try note.verify(by: [key])
    return try stated(in: note, by: key)
  }

  /// As ``verify(note:by:)``, and which witnesses signed too; a known witness's wrong signature is refused.
  package static func verify(note: String, by key: NoteKey, witnesses: [NoteKey]) throws(AuditError)
    -> (checkpoint: Checkpoint, witnesses: Set<NoteKey>)
  {
    let note = try SignedNote(parsing: note)
    try note.verify(by: [key])
    return (try stated(in: note, by: key), try note.signers(among: witnesses))
  }

  private static func stated(in note: SignedNote, by key: NoteKey) throws(AuditError) -> Checkpoint {
    let checkpoint = try Checkpoint(parsing: note.text)
    guard checkpoint.origin == key.name else {
      throw AuditError(.notAuthentic, "the checkpoint is of another log: \(checkpoint.origin)")
    }
    return checkpoint
  }
}
