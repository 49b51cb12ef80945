/// The right edge of a growing tree: the hashes of its complete subtrees, the largest first. All that is needed
/// to append and to state the root, at most 63 hashes.
package struct CompactRange: Hashable, Sendable {
  package private(set) var size: Int64
  package private(set) var hashes: [[UInt8]]

  package init() {
    size = 0
    hashes = []
  }

  /// From the stored form, hashes end to end; `nil` if there are not as many as a tree of `size` leaves has.
  package init?(size: Int64, bytes: [UInt8]) {
    guard size >= 0, bytes.count == size.nonzeroBitCount * Merkle.hashSize else { return nil }
    self.size = size
    self.hashes = stride(from: 0, to: bytes.count, by: Merkle.hashSize).map {
      Array(bytes[$0..<($0 + Merkle.hashSize)])
    }
  }

  package var bytes: [UInt8] { Array(hashes.joined()) }

  package var root: [UInt8] {
    guard var root = hashes.last else { return Merkle.empty }
    for left in hashes.dropLast().reversed() { root = Merkle.node(left, root) }
    return root
  }

  /// Appends a leaf and returns the subtrees it completes, the leaf itself first.
  package mutating func append(_ leafHash: [UInt8]) -> [(node: MerkleNode, hash: [UInt8])] {
    var hash = leafHash
    var node = MerkleNode(level: 0, index: size)
    var completed = [(node: node, hash: hash)]
    while node.index & 1 == 1 {
      hash = Merkle.node(hashes.removeLast(), hash)
      node = MerkleNode(level: node.level + 1, index: node.index >> 1)
      completed.append((node, hash))
    }
    hashes.append(hash)
    size += 1
    return completed
  }
}
