/// Inclusion and consistency proofs of RFC 9162 §2.1.3 and §2.1.4: which parts of the tree a proof states, and
/// the verification, which needs nothing but the proof.
package enum MerkleProof {
  /// The parts of a tree of `size` leaves whose hashes prove that leaf `index` is in it, the leaf's sibling first.
  package static func inclusion(of index: Int64, in size: Int64) -> [Range<Int64>] {
    precondition((0..<size).contains(index))
    var parts: [Range<Int64>] = []
    var range = 0..<size
    while range.count > 1 {
      let middle = range.lowerBound + Merkle.split(range.upperBound - range.lowerBound)
      let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
      parts.append(index < middle ? right : left)
      range = index < middle ? left : right
    }
    return parts.reversed()
  }

  /// The parts whose hashes prove that the first `old` leaves of a tree of `size` are the tree they were.
  package static func consistency(from old: Int64, to size: Int64) -> [Range<Int64>] {
    precondition((0...size).contains(old))
    guard old > 0, old < size else { return [] }
    var parts: [Range<Int64>] = []
    var range = 0..<size
    while old != range.upperBound {
      let middle = range.lowerBound + Merkle.split(range.upperBound - range.lowerBound)
      let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
      parts.append(old <= middle ? right : left)
      range = old <= middle ? left : right
    }
    // The old tree itself is known to the verifier; a part of it has to be stated.
    if range.lowerBound > 0 { parts.append(range) }
    return parts.reversed()
  }

  /// RFC 9162 §2.1.3.2.
  package static func verifyInclusion(
    of leafHash: [UInt8], at index: Int64, in size: Int64, root: [UInt8], proof: [[UInt8]]
  ) -> Bool {
    guard index >= 0, index < size else { return false }
    var (node, last) = (index, size - 1)
    var hash = leafHash
    for part in proof {
      guard last > 0, part.count == Merkle.hashSize else { return false }
      if node & 1 == 1 || node == last {
        hash = Merkle.node(part, hash)
        while node & 1 == 0, node != 0 { (node, last) = (node >> 1, last >> 1) }
      } else {
        hash = Merkle.node(hash, part)
      }
      (node, last) = (node >> 1, last >> 1)
    }
    return last == 0 && hash == root
  }

  /// RFC 9162 §2.1.4.2. A tree is consistent with the empty one and, without a proof, with itself.
  package static func verifyConsistency(
    from old: Int64, root oldRoot: [UInt8], to size: Int64, root: [UInt8], proof: [[UInt8]]
  ) -> Bool {
    guard old >= 0, old <= size else { return false }
    if old == size { return proof.isEmpty && oldRoot == root }
    if old == 0 { return proof.isEmpty && oldRoot == Merkle.empty }
    guard proof.allSatisfy({ $0.count == Merkle.hashSize }) else { return false }
    var path = proof[...]
    if old & (old - 1) == 0 { path = [oldRoot] + path }
    var (node, last) = (old - 1, size - 1)
    while node & 1 == 1 { (node, last) = (node >> 1, last >> 1) }
    guard let first = path.popFirst() else { return false }
    var (before, after) = (first, first)
    for part in path {
      guard last > 0 else { return false }
      if node & 1 == 1 || node == last {
        (before, after) = (Merkle.node(part, before), Merkle.node(part, after))
        while node & 1 == 0, node != 0 { (node, last) = (node >> 1, last >> 1) }
      } else {
        after = Merkle.node(after, part)
      }
      (node, last) = (node >> 1, last >> 1)
    }
    return last == 0 && before == oldRoot && after == root
  }
}
