package import Model
import Postgres

/// The state of the hierarchy, without any key.
package struct KeyStatus: Sendable {
  /// At most this many of the pending destructions are listed.
  package static let pendingMax = 1_000

  package struct Shard: Hashable, Sendable {
    package let shard: Int
    /// Of new keys.
    package let epoch: Int64
    package let retired: [RetiredEpoch]
    /// The database is older than the keystore: it was restored from a backup, and waits for the replay of the
    /// erasure ledger.
    package let isRestored: Bool
  }

  package struct RetiredEpoch: Hashable, Sendable {
    package let epoch: Int64
    package let retiredAt: Timestamp
  }

  /// Every kind, zero included.
  package let keys: [KeyOwner.Kind: Int]
  package let shards: [Shard]
  /// Destroyed keys whose KEK still exists, the oldest first.
  package let pending: [KeyDestruction]
  package let pendingCount: Int
  /// Destroyed keys beyond recovery.
  package let completedCount: Int
}

extension KeyVault {
  package func status() async throws -> KeyStatus {
    try await database.transaction { tx in
      var keys = Dictionary(uniqueKeysWithValues: KeyOwner.Kind.allCases.map { ($0, 0) })
      let counts = try tx.execute(KeyStatement.countKeys)
      for row in 0..<counts.count {
        guard let kind = KeyOwner.Kind(rawValue: Int16(counts.int64(row, 0))) else { continue }
        keys[kind] = Int(counts.int64(row, 1))
      }
      let totals = try tx.execute(KeyStatement.countDestructions)
      let pending = try tx.execute(KeyStatement.pending, [.int8(Int64(KeyStatus.pendingMax))])
      let recorded = try tx.execute(KeyStatement.readShards)
      let epochs = Dictionary(
        uniqueKeysWithValues: (0..<recorded.count).map {
          (Int16(recorded.int64($0, 0)), recorded.int64($0, 1))
        })
      return KeyStatus(
        keys: keys,
        shards: try (0..<Int16(KeyPlace.shards)).map { try self.shardStatus($0, recorded: epochs[$0]) },
        pending: try self.destructions(pending), pendingCount: Int(totals.int64(0, 0)),
        completedCount: Int(totals.int64(0, 1)))
    }
  }

  /// Shards whose database was restored from a backup, and waits for the replay of the erasure ledger.
  package func restoredShards() async throws -> [Int] {
    try await database.read { tx in
      let recorded = try tx.execute(KeyStatement.readShards)
      return try (0..<recorded.count).map {
        try self.shardStatus(Int16(recorded.int64($0, 0)), recorded: recorded.int64($0, 1))
      }.filter(\.isRestored).map(\.shard)
    }
  }

  func shardStatus(_ shard: Int16, recorded: Int64?) throws -> KeyStatus.Shard {
    let keys = try keystore.keys(shard)
    let epoch = recorded ?? keys.newest
    let retired = keys.epochs.compactMap { epoch in
      epoch.retiredAt.map { KeyStatus.RetiredEpoch(epoch: epoch.number, retiredAt: $0) }
    }
    return KeyStatus.Shard(
      shard: Int(shard), epoch: epoch, retired: retired,
      isRestored: epoch < keys.newest && keys.epoch(epoch)?.retiredAt != nil)
  }
}
