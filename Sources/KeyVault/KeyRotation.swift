package import Model
import Postgres

/// What a rotation did.
package struct RotationReport: Hashable, Sendable {
  package internal(set) var epochsAdded = 0
  package internal(set) var keysRewrapped = 0
  package internal(set) var keksRetired = 0
  package internal(set) var keksErased = 0
  /// Destroyed keys that no backup gives back any more.
  package internal(set) var destructionsCompleted = 0
  /// Shards left alone, as the database was restored from a backup: keys destroyed since are in it again, and
  /// re-wrapping would revive them for good. Replay the erasure ledger, then rotate with `afterReplay`.
  package internal(set) var restoredShards: [Int] = []

  /// Whether anything is, or would be, another than before.
  package var hasChanges: Bool {
    epochsAdded + keysRewrapped + keksRetired + keksErased + destructionsCompleted > 0
  }
}

extension KeyVault {
  static let rewrapBatchMax = 1_000

  /// Moves each shard with destroyed keys to a new KEK and erases KEKs that were retired the backup window ago.
  ///
  /// Every step may be the last before a crash, and two processes may rotate at once: each is a transaction under
  /// the shard's row lock, and none needs another to have been in this run. The order is what makes it safe: the new
  /// epoch is in the keystore before a row uses it, an epoch is retired once no row does, and erased after that.
  package func rotate(
    now: Timestamp, backupWindowSeconds: Int64, afterReplay: Bool = false
  ) async throws -> RotationReport {
    var report = RotationReport()
    let limit = now.adding(seconds: -backupWindowSeconds)
    for shard in 0..<Int16(KeyPlace.shards) {
      switch try await begin(shard, afterReplay: afterReplay) {
      case .restored:
        report.restoredShards.append(Int(shard))
        continue
      case .added: report.epochsAdded += 1
      case .unchanged: break
      }
      report.keysRewrapped += try await rewrap(shard)
      report.keksRetired += try await retire(shard, at: now)
      let (erased, completed) = try await erase(shard, retiredUntil: limit, at: now)
      report.keksErased += erased
      report.destructionsCompleted += completed
    }
    return report
  }

  /// What ``rotate(now:backupWindowSeconds:afterReplay:)`` would do now. Completed destructions are not foreseen.
  package func rotationDue(now: Timestamp, backupWindowSeconds: Int64) async throws -> RotationReport {
    let limit = now.adding(seconds: -backupWindowSeconds)
    return try await database.read { tx in
      let rows = try tx.execute(KeyStatement.readShards)
      let recorded = Dictionary(
        uniqueKeysWithValues: (0..<rows.count).map { (Int16(rows.int64($0, 0)), rows.int64($0, 1)) })
      var report = RotationReport()
      for shard in 0..<Int16(KeyPlace.shards) {
        let keys = try self.keystore.keys(shard)
        if try self.shardStatus(shard, recorded: recorded[shard]).isRestored {
          report.restoredShards.append(Int(shard))
          continue
        }
        let isPending = try tx.execute(KeyStatement.hasPending, [.int2(shard), .int8(keys.newest)]).bool(0, 0)
        let newest = isPending ? keys.newest + 1 : keys.newest
        let below = try tx.execute(KeyStatement.countKeysBelow, [.int2(shard), .int8(newest)]).int64(0, 0)
        report.epochsAdded += isPending ? 1 : 0
        report.keysRewrapped += Int(below)
        let (old, erased) = (
          keys.epochs.count(where: { $0.number < newest && $0.retiredAt == nil }),
          keys.epochs.count(where: { $0.retiredAt.map { $0 <= limit } ?? false })
        )
        report.keksRetired += old
        // What is retired now is erased in the same run where there is no window.
        report.keksErased += erased + (backupWindowSeconds == 0 ? old : 0)
      }
      return report
    }
  }

  private enum Beginning: Sendable { case unchanged, added, restored }

  /// Adds an epoch if a key of the newest one was destroyed, and makes the newest the one for new keys.
  private func begin(_ shard: Int16, afterReplay: Bool) async throws -> Beginning {
    let result = try await database.transaction { tx in
      let recorded = try self.lockEpoch(shard, in: tx)
      var newest = try self.keystore.keys(shard).newest
      guard recorded <= newest else { throw KEKs.behind(shard, recorded) }
      let isRestored = try recorded < newest && self.keystore.keys(shard).epoch(recorded)?.retiredAt != nil
      if isRestored, !afterReplay { return Beginning.restored }
      let isPending = try tx.execute(KeyStatement.hasPending, [.int2(shard), .int8(newest)]).bool(0, 0)
      if isPending {
        try self.keystore.change(shard) { keys in
          keys.addEpoch()
          return true
        }
        newest += 1
        try self.keystore.interrupt(at: .epochAdded)
      }
      if recorded != newest { try tx.execute(KeyStatement.recordEpoch, [.int2(shard), .int8(newest)]) }
      return isPending ? .added : .unchanged
    }
    if result == .added { try keystore.interrupt(at: .epochRecorded) }
    return result
  }

  /// Re-wraps, batch by batch, what is not under the newest epoch.
  private func rewrap(_ shard: Int16) async throws -> Int {
    var total = 0
    while true {
      let count = try await database.transaction { tx in try self.rewrapBatch(shard, in: tx) }
      if count == 0 { return total }
      total += count
      try keystore.interrupt(at: .batchRewrapped)
    }
  }

  private func rewrapBatch(_ shard: Int16, in tx: borrowing Transaction) throws -> Int {
    let newest = try keystore.keys(shard).newest
    let rows = try tx.execute(
      KeyStatement.lockKeysBelow, [.int2(shard), .int8(newest), .int8(Int64(Self.rewrapBatchMax))])
    guard rows.count > 0 else { return 0 }
    var keks = KEKs(keystore)
    var places: [KeyPlace] = []
    var wrapped: [[UInt8]] = []
    for row in 0..<rows.count {
      let place = KeyPlace(
        shard: shard, kind: Int16(rows.int64(row, 0)), tenant: rows.int64(row, 1), high: rows.int64(row, 2),
        low: rows.int64(row, 3))
      let (generation, epoch) = (rows.int64(row, 4), rows.int64(row, 5))
      let secret = try WrappedKey.open(
        rows.bytes(row, 6), under: keks.key(shard, epoch), at: place, epoch: epoch, generation: generation)
      places.append(place)
      wrapped.append(
        WrappedKey.seal(
          secret, under: try keks.key(shard, newest), at: place, epoch: newest, generation: generation))
    }
    try tx.execute(KeyStatement.rewrap, Self.columns(places) + [.int8(newest), .bytesArray(wrapped)])
    return rows.count
  }

  private func retire(_ shard: Int16, at now: Timestamp) async throws -> Int {
    try await database.transaction { tx in
      try self.lockEpoch(shard, in: tx)
      let newest = try self.keystore.keys(shard).newest
      guard try !tx.execute(KeyStatement.hasKeysBelow, [.int2(shard), .int8(newest)]).bool(0, 0) else {
        return 0
      }
      var count = 0
      try self.keystore.change(shard) { keys in
        // Another process may have added an epoch meanwhile, with keys still under this one.
        guard keys.newest == newest else { return false }
        count = keys.retireOld(at: now)
        return count > 0
      }
      if count > 0 { try self.keystore.interrupt(at: .epochRetired) }
      return count
    }
  }

  private func erase(
    _ shard: Int16, retiredUntil limit: Timestamp, at now: Timestamp
  ) async throws -> (erased: Int, completed: Int) {
    try await database.transaction { tx in
      try self.lockEpoch(shard, in: tx)
      let newest = try self.keystore.keys(shard).newest
      // Keys below the newest epoch after it was retired: of a database restored meanwhile. They need it.
      guard try !tx.execute(KeyStatement.hasKeysBelow, [.int2(shard), .int8(newest)]).bool(0, 0) else {
        return (0, 0)
      }
      var count = 0
      try self.keystore.change(shard) { keys in
        count = keys.erase(retiredUntil: limit)
        return count > 0
      }
      if count > 0 { try self.keystore.interrupt(at: .epochErased) }
      let oldest = try self.keystore.keys(shard).oldest
      let completed = try tx.execute(
        KeyStatement.completeDestructions,
        [.int2(shard), .int8(oldest), .timestamp(microseconds: now.microseconds)])
      return (count, completed.affected)
    }
  }

  /// The epoch new keys are made under; nobody makes or rotates keys of the shard until `tx` ends.
  @discardableResult
  private func lockEpoch(_ shard: Int16, in tx: borrowing Transaction) throws -> Int64 {
    var rows = try tx.execute(KeyStatement.lockShard, [.int2(shard)])
    if rows.count == 0 {
      try tx.execute(
        KeyStatement.seedShards, [.int2Array([shard]), .int8Array([try keystore.keys(shard).newest])])
      rows = try tx.execute(KeyStatement.lockShard, [.int2(shard)])
    }
    return rows.int64(0, 0)
  }
}
