package import Postgres
package import Sodium

/// The key of an owner, and which one it is: one that is made for the same owner later is another. For whoever seals
/// under it for longer than a cached key is trusted.
package struct DataKey: Sendable {
  package let owner: KeyOwner
  package let secret: SecretBytes
  package let generation: Int64
}

extension KeyVault {
  /// `nil`: destroyed, or never made.
  package func key(of owner: KeyOwner) async throws -> DataKey? {
    try await owned([owner], creating: false)[owner].map {
      DataKey(owner: owner, secret: $0.secret, generation: $0.generation)
    }
  }

  /// Like ``alive(_:in:)-(Set<KeyOwner>,_)`` for exactly this key.
  package func alive(_ key: DataKey, in tx: borrowing Transaction) throws -> Bool {
    try Self.lock([(KeyPlace(key.owner), key.generation)], in: tx)
  }
}

extension LaneKey {
  /// The generation of the period's key that it comes from.
  package var periodGeneration: Int64 { generations[2] }
}
