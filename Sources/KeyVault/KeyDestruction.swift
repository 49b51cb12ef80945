package import Model
package import Postgres

/// The record of a key that was destroyed.
package struct KeyDestruction: Hashable, Sendable {
  package let owner: KeyOwner
  package let destroyedAt: Timestamp
  package let reason: String
  /// When the last KEK it was ever wrapped under was retired; the backup window counts from here. Nil until the
  /// next rotation.
  package let kekRetiredAt: Timestamp?
  /// When those KEKs were erased: from then on no backup gives the key back.
  package let kekDestroyedAt: Timestamp?
}

extension KeyVault {
  /// Destroys keys in the caller's transaction and returns how many there were; call ``forget(_:)`` once it is
  /// committed. The rows are gone at once, their remains in backups with the KEK:
  /// ``rotate(now:backupWindowSeconds:afterReplay:)``.
  @discardableResult
  package static func destroy(
    _ owners: [KeyOwner], reason: String, at time: Timestamp, in tx: borrowing Transaction
  ) throws -> Int {
    var count = 0
    for batch in Set(owners).map(KeyPlace.init).sorted().batches(of: batchMax) {
      let values = columns(Array(batch)) + [.timestamp(microseconds: time.microseconds), .text(reason)]
      count += try tx.execute(KeyStatement.destroy, values).affected
    }
    return count
  }

  /// Whether any of `owners` has a key, as the database has it.
  package static func exist(_ owners: [KeyOwner], in tx: borrowing Transaction) throws -> Bool {
    for batch in owners.map(KeyPlace.init).batches(of: batchMax)
    where try tx.execute(KeyStatement.select, columns(Array(batch))).count > 0 { return true }
    return false
  }

  /// All destructions of keys of `owners`, the oldest first.
  package func destructions(of owners: [KeyOwner]) async throws -> [KeyDestruction] {
    let places = Set(owners).map(KeyPlace.init).sorted()
    return try await database.transaction { tx in
      var result: [KeyDestruction] = []
      for batch in places.batches(of: Self.batchMax) {
        result += try self.destructions(try tx.execute(KeyStatement.destructions, Self.columns(Array(batch))))
      }
      return result
    }
  }

  func destructions(_ rows: PostgresRows) throws -> [KeyDestruction] {
    var result: [KeyDestruction] = []
    for row in 0..<rows.count {
      let place = KeyPlace(
        shard: Int16(rows.int64(row, 0)), kind: Int16(rows.int64(row, 1)), tenant: rows.int64(row, 2),
        high: rows.int64(row, 3), low: rows.int64(row, 4))
      guard let owner = place.owner else { continue }
      let epochs = try keystore.keys(place.shard).epochs.filter { $0.number <= rows.int64(row, 5) }
      let retired = epochs.compactMap(\.retiredAt)
      result.append(
        KeyDestruction(
          owner: owner, destroyedAt: Timestamp(microseconds: rows.timestamp(row, 6)),
          reason: rows.text(row, 7),
          kekRetiredAt: retired.count == epochs.count ? retired.max() : nil,
          kekDestroyedAt: rows.timestampOrNil(row, 8).map { Timestamp(microseconds: $0) }))
    }
    return result
  }
}
