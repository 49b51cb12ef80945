import AuditLog
import Sodium
import Testing

/// The vectors that Certificate Transparency's own implementations are tested with.
enum MerkleVectors {
  static let leaves = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
  ]
  .map { [UInt8](hex: $0)! }
  static let roots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ].map { [UInt8](hex: $0)! }
}

struct MerkleTests {
  @Test("The root of every size is the published one")
  func roots() {
    var range = CompactRange()
    #expect(range.root == MerkleVectors.roots[0])
    for (size, leaf) in MerkleVectors.leaves.enumerated() {
      _ = range.append(Merkle.leaf(leaf))
      #expect(range.root == MerkleVectors.roots[size + 1])
      #expect(CompactRange(size: range.size, bytes: range.bytes) == range)
    }
  }

  @Test(
    "Inclusion proofs are the published ones",
    arguments: [
      (
        5, 7,
        [
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
      ),
      (
        0, 8,
        [
          "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
      ),
      (0, 1, []),
    ] as [(Int64, Int64, [String])])
  func inclusion(index: Int64, size: Int64, expected: [String]) {
    let tree = Tree(MerkleVectors.leaves)
    let proof = MerkleProof.inclusion(of: index, in: size).map(tree.hash)
    #expect(proof.map(\.hex) == expected)
    #expect(
      MerkleProof.verifyInclusion(
        of: Merkle.leaf(MerkleVectors.leaves[Int(index)]), at: index, in: size,
        root: MerkleVectors.roots[Int(size)], proof: proof))
  }

  @Test(
    "Consistency proofs are the published ones",
    arguments: [
      (
        3, 7,
        [
          "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
          "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
          "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
        ]
      ),
      (4, 8, ["6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
      (5, 5, []), (0, 5, []),
    ] as [(Int64, Int64, [String])])
  func consistency(old: Int64, size: Int64, expected: [String]) {
    let tree = Tree(MerkleVectors.leaves)
    let proof = MerkleProof.consistency(from: old, to: size).map(tree.hash)
    #expect(proof.map(\.hex) == expected)
    #expect(
      MerkleProof.verifyConsistency(
        from: old, root: MerkleVectors.roots[Int(old)], to: size, root: MerkleVectors.roots[Int(size)],
        proof: proof))
  }

  @Test("Every proof of every size verifies, and none does with a bit changed, cut, or for another place")
  func allProofs() {
    let tree = Tree((0..<37).map { [UInt8($0)] })
    for size in Int64(1)...37 {
      let root = tree.hash(0..<size)
      for index in 0..<size {
        let leaf = Merkle.leaf([UInt8(index)])
        let proof = MerkleProof.inclusion(of: index, in: size).map(tree.hash)
        func verifies(_ proof: [[UInt8]], _ index: Int64 = index) -> Bool {
          MerkleProof.verifyInclusion(of: leaf, at: index, in: size, root: root, proof: proof)
        }
        #expect(verifies(proof))
        #expect(!verifies(proof + [root]) && !verifies(proof, index ^ 1) && !verifies(proof, size))
        #expect(proof.isEmpty || !verifies(proof.dropLast()))
        #expect(proof.isEmpty || !verifies([flipped(proof[0])] + proof.dropFirst()))
      }
      for old in 0...size {
        let oldRoot = tree.hash(0..<old)
        let proof = MerkleProof.consistency(from: old, to: size).map(tree.hash)
        func verifies(_ proof: [[UInt8]], _ oldRoot: [UInt8] = oldRoot, _ root: [UInt8] = root) -> Bool {
          MerkleProof.verifyConsistency(from: old, root: oldRoot, to: size, root: root, proof: proof)
        }
        #expect(verifies(proof))
        #expect(!verifies(proof, flipped(oldRoot)) && !verifies(proof + [root]))
        // Any tree continues the empty one.
        #expect(old == 0 || !verifies(proof, oldRoot, flipped(root)))
        #expect(proof.isEmpty || !verifies(proof.dropLast()))
      }
    }
  }

  private func flipped(_ hash: [UInt8]) -> [UInt8] { [hash[0] ^ 1] + hash.dropFirst() }
}

/// A tree with all its subtrees in memory.
private struct Tree {
  private var nodes: [MerkleNode: [UInt8]] = [:]

  init(_ leaves: [[UInt8]]) {
    var range = CompactRange()
    for leaf in leaves {
      for (node, hash) in range.append(Merkle.leaf(leaf)) { nodes[node] = hash }
    }
  }

  func hash(_ part: Range<Int64>) -> [UInt8] { MerkleNode.hash(of: part, from: nodes)! }
}
