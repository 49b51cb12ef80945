package import Postgres

extension AuditLog {
  /// The hashes that prove that entry `index` is among the first `size`, the leaf's sibling first.
  package func inclusionProof(of index: Int64, size: Int64, in tx: borrowing Transaction) throws -> [[UInt8]]
  {
    guard index >= 0, index < size, size <= (try head(in: tx)).size else {
      throw AuditError(.outOfRange, "the audit log has no entry \(index) in its first \(size)")
    }
    return try hashes(of: MerkleProof.inclusion(of: index, in: size), in: tx)
  }

  /// The hashes that prove that the log of `old` entries is the start of the one of `size`.
  package func consistencyProof(from old: Int64, to size: Int64, in tx: borrowing Transaction) throws
    -> [[UInt8]]
  {
    guard old >= 0, old <= size, size <= (try head(in: tx)).size else {
      throw AuditError(.outOfRange, "the audit log has no sizes \(old) and \(size) in this order")
    }
    return try hashes(of: MerkleProof.consistency(from: old, to: size), in: tx)
  }

  /// The root over the first `size` entries.
  package func root(of size: Int64, in tx: borrowing Transaction) throws -> [UInt8] {
    guard size >= 0, size <= (try head(in: tx)).size else {
      throw AuditError(.outOfRange, "the audit log is shorter than \(size) entries")
    }
    return try hashes(of: [0..<size], in: tx)[0]
  }

  /// A proof of entry `index` that verifies without the log, up to the newest checkpoint that covers it.
  package func proof(of index: Int64, in tx: borrowing Transaction) throws -> ProofFile {
    let rows = try tx.execute(AuditStatement.lastCheckpoint)
    guard rows.count == 1, index >= 0, index < rows.int64(0, 0) else {
      throw AuditError(
        .outOfRange, "no checkpoint covers entry \(index) yet; run `muniment audit head` to sign one")
    }
    let hashes = try inclusionProof(of: index, size: rows.int64(0, 0), in: tx)
    return ProofFile(
      index: index, hashes: hashes, checkpoint: try cosigned(rows.text(0, 1), of: rows.int64(0, 0), in: tx))
  }

  /// The bytes of a tile (C2SP tlog-tiles): up to 256 hashes, or as many entries, each led by its length in two
  /// big-endian bytes. Throws `outOfRange` if the log does not have all of them.
  package func tile(_ path: TilePath, in tx: borrowing Transaction) throws -> [UInt8] {
    let beyond = AuditError(.outOfRange, "the audit log has no \(path.text)")
    let (first, overflow) = path.index.multipliedReportingOverflow(by: Int64(TilePath.widthMax))
    let size = try head(in: tx).size
    let level = (path.level ?? 0) * 8
    guard !overflow, level < 63, first < Int64.max - Int64(TilePath.widthMax),
      first + Int64(path.width) <= size >> Int64(level)
    else { throw beyond }
    let end = first + Int64(path.width)
    if path.level == nil {
      return try entries(from: first, limit: path.width, in: tx).flatMap { entry in
        [UInt8(entry.bytes.count >> 8), UInt8(entry.bytes.count & 0xFF)] + entry.bytes
      }
    }
    let rows = try tx.execute(AuditStatement.tile, [.int2(Int16(level)), .int8(first), .int8(end)])
    guard rows.count == path.width else {
      throw AuditError(.damaged, "hashes are missing from the audit log")
    }
    return (0..<rows.count).flatMap { rows.bytes($0, 0) }
  }

  /// The hash of each part, from stored subtrees.
  func hashes(of parts: [Range<Int64>], in tx: borrowing Transaction) throws -> [[UInt8]] {
    let wanted = parts.flatMap { MerkleNode.covering($0) }
    let rows = try tx.execute(
      AuditStatement.nodes,
      [.int2Array(wanted.map { Int16($0.level) }), .int8Array(wanted.map(\.index))])
    var stored: [MerkleNode: [UInt8]] = [:]
    for row in 0..<rows.count {
      stored[MerkleNode(level: Int(rows.int64(row, 0)), index: rows.int64(row, 1))] = rows.bytes(row, 2)
    }
    return try parts.map { part in
      guard let hash = MerkleNode.hash(of: part, from: stored) else {
        throw AuditError(.damaged, "hashes are missing from the audit log; run `muniment audit verify`")
      }
      return hash
    }
  }
}
