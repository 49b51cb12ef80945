import Sodium

/// The hashes of the Merkle tree of RFC 9162 §2.1.1 over SHA-256: leaves and nodes are told apart by their first
/// byte, so that no inner node can be passed off as an entry.
package enum Merkle {
  package static let hashSize = 32

  /// The root of the tree without leaves: the hash of nothing.
  package static let empty = SHA256.hash([])

  package static func leaf(_ entry: [UInt8]) -> [UInt8] { SHA256.hash([0] + entry) }

  package static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [1]
    bytes.reserveCapacity(1 + 2 * hashSize)
    bytes += left
    bytes += right
    return SHA256.hash(bytes)
  }

  /// The largest power of two below `count`, where RFC 9162 splits a tree of `count` > 1 leaves.
  static func split(_ count: Int64) -> Int64 {
    precondition(count > 1)
    return 1 << Int64(63 - (count - 1).leadingZeroBitCount)
  }
}

/// A complete subtree: the leaves from `index << level`, 2^level of them. Its hash never changes.
package struct MerkleNode: Hashable, Sendable {
  package let level: Int
  package let index: Int64

  package init(level: Int, index: Int64) {
    self.level = level
    self.index = index
  }

  /// The complete subtrees that make up the leaves of `range`, from left to right. `range` is a part of the tree
  /// as the proofs split it: it starts at a multiple of a power of two that is no smaller than its length.
  package static func covering(_ range: Range<Int64>) -> [MerkleNode] {
    var nodes: [MerkleNode] = []
    var start = range.lowerBound
    while start < range.upperBound {
      let level = 63 - (range.upperBound - start).leadingZeroBitCount
      nodes.append(MerkleNode(level: level, index: start >> Int64(level)))
      start += 1 << Int64(level)
    }
    return nodes
  }

  /// The hash over `range`, from the hashes of the subtrees that cover it; `nil` if one is missing.
  package static func hash(of range: Range<Int64>, from hashes: [MerkleNode: [UInt8]]) -> [UInt8]? {
    var result: [UInt8]?
    for node in covering(range).reversed() {
      guard let left = hashes[node] else { return nil }
      result = result.map { Merkle.node(left, $0) } ?? left
    }
    return result ?? Merkle.empty
  }
}
