import Sodium

/// A proof that travels alone (C2SP tlog-proof): index, inclusion proof and the signed checkpoint it leads to.
package struct ProofFile: Hashable, Sendable {
  private static let firstLine = "c2sp.org/tlog-proof@v1"

  package let index: Int64
  package let hashes: [[UInt8]]
  /// The signed note, verbatim.
  package let checkpoint: String

  package init(index: Int64, hashes: [[UInt8]], checkpoint: String) {
    self.index = index
    self.hashes = hashes
    self.checkpoint = checkpoint
  }

  package var text: String {
    let lines = [Self.firstLine, "index \(index)"] + hashes.map { $0.base64() }
    return lines.joined(separator: "\n") + "\n\n" + checkpoint
  }

  package init(parsing text: String) throws(AuditError) {
    let malformed = AuditError(.notAuthentic, "the text is not a proof")
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
    guard lines.popFirst() == Self.firstLine else { throw malformed }
    if lines.first?.hasPrefix("extra ") == true { lines.removeFirst() }
    guard let line = lines.popFirst(), line.hasPrefix("index "), let index = Int64(line.dropFirst(6)) else {
      throw malformed
    }
    var hashes: [[UInt8]] = []
    while let line = lines.popFirst(), !line.isEmpty {
      guard hashes.count < 63, let hash = [UInt8](base64: line), hash.count == Merkle.hashSize else {
        throw malformed
      }
      hashes.append(hash)
    }
    self.init(index: index, hashes: hashes, checkpoint: lines.joined(separator: "\n"))
  }

  /// Checks, with the public key alone, that `entry` is in the log the checkpoint states.
  @discardableResult
  package func verify(_ entry: [UInt8], by key: NoteKey) throws(AuditError) -> Checkpoint {
    let stated = try Checkpoint.verify(note: checkpoint, by: key)
    guard
      MerkleProof.verifyInclusion(
        of: Merkle.leaf(entry), at: index, in: stated.size, root: stated.root, proof: hashes)
    else { throw AuditError(.notAuthentic, "the proof does not lead from the entry to the checkpoint") }
    return stated
  }
}
