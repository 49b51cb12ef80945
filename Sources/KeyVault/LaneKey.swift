package import Model
package import Sodium

/// The key of one author in one conversation in one period: derived from the keys of the three and never stored,
/// so that destroying any of them destroys it.
package struct LaneKey: Sendable {
  package let secret: SecretBytes
  /// Which keys it comes from: subject, conversation, period.
  let generations: [Int64]

  init(from parents: [OwnedKey]) {
    secret = BLAKE2b.derive(parents.map(\.secret), context: Array("muniment/lane/v1".utf8))
    generations = parents.map(\.generation)
  }

  package func seal(_ plaintext: [UInt8], additional: [UInt8]) -> [UInt8] {
    AEAD.seal(plaintext, key: secret, additional: additional)
  }

  package func open(_ sealed: [UInt8], additional: [UInt8]) throws(CryptographyError) -> [UInt8] {
    try AEAD.open(sealed, key: secret, additional: additional)
  }
}

extension LaneID {
  /// Whose keys the lane's is derived from, in this order.
  package var owners: [KeyOwner] {
    [.subject(tenant, subject), .conversation(tenant, conversation), .period(tenant, retentionClass, period)]
  }
}
