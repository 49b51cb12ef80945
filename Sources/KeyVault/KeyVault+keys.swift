package import Model
package import Postgres
package import Sodium
import Synchronization

extension KeyVault {
  /// Owners a statement takes.
  static let batchMax = 10_000

  /// The keys of `owners`. With `creating`, those missing are made; without, they are absent from the result:
  /// destroyed, or never made.
  package func keys(_ owners: Set<KeyOwner>, creating: Bool) async throws -> [KeyOwner: SecretBytes] {
    try await owned(owners, creating: creating).mapValues(\.secret)
  }

  /// The keys of `ids`; absent if any of the three keys a lane's comes from is.
  package func lanes(_ ids: Set<LaneID>, creating: Bool) async throws -> [LaneID: LaneKey] {
    let owned = try await owned(Set(ids.flatMap(\.owners)), creating: creating)
    var result: [LaneID: LaneKey] = [:]
    result.reserveCapacity(ids.count)
    cache.withLock { cache in
      for id in ids {
        let parents = id.owners.compactMap { owned[$0] }
        guard parents.count == 3 else { continue }
        if let known = cache.lanes[id], known.generations == parents.map(\.generation) {
          result[id] = known
        } else {
          let lane = LaneKey(from: parents)
          result[id] = lane
          cache.lanes[id] = lane
        }
      }
    }
    return result
  }

  /// Whether the keys that were last handed out for `owners` still exist. If so, they will until `tx` ends: a
  /// destruction waits for it. If not, ask for the keys again and seal again.
  package func alive(_ owners: Set<KeyOwner>, in tx: borrowing Transaction) throws -> Bool {
    let known = cache.withLock { cache in
      owners.compactMap { owner in cache.owners[owner].map { (KeyPlace(owner), $0.generation) } }
    }
    return try known.count == owners.count && Self.lock(known, in: tx)
  }

  /// Whether all of `owners` have a key, for whoever seals nothing under them: none has to be at hand. If so, they will
  /// until `tx` ends.
  package static func exist(_ owners: Set<KeyOwner>, in tx: borrowing Transaction) throws -> Bool {
    for batch in owners.map(KeyPlace.init).sorted().batches(of: batchMax) {
      let found = try tx.execute(KeyStatement.lockThere, columns(Array(batch))).count
      guard found == batch.count else { return false }
    }
    return true
  }

  /// Like ``alive(_:in:)-(Set<KeyOwner>,_)`` for exactly these lane keys.
  package func alive(_ lanes: [LaneID: LaneKey], in tx: borrowing Transaction) throws -> Bool {
    var known: [KeyPlace: Int64] = [:]
    for (id, lane) in lanes {
      for (owner, generation) in zip(id.owners, lane.generations) {
        // Two lanes of one owner from two keys of its: one of them is gone.
        guard known.updateValue(generation, forKey: KeyPlace(owner)) ?? generation == generation else {
          return false
        }
      }
    }
    return try Self.lock(known.map { ($0.key, $0.value) }, in: tx)
  }

  static func lock(_ known: [(KeyPlace, Int64)], in tx: borrowing Transaction) throws -> Bool {
    for batch in known.sorted(by: { $0.0 < $1.0 }).batches(of: batchMax) {
      let values = columns(batch.map(\.0)) + [.int8Array(batch.map(\.1))]
      guard try tx.execute(KeyStatement.lockAlive, values).count == batch.count else { return false }
    }
    return true
  }

  func owned(_ owners: Set<KeyOwner>, creating: Bool) async throws -> [KeyOwner: OwnedKey] {
    let now = ContinuousClock.now
    var found: [KeyOwner: OwnedKey] = [:]
    var stale: [KeyOwner: OwnedKey] = [:]
    var asked: [KeyOwner] = []
    let forgets = cache.withLock { cache in
      for owner in owners {
        let known = cache.owners[owner]
        if let known, known.seenAt.duration(to: now) < trust {
          found[owner] = known
        } else {
          stale[owner] = known
          asked.append(owner)
        }
      }
      return cache.forgets
    }
    // In the order of rows, so that two processes that make the same keys do not block each other for good.
    let rows = asked.map { (owner: $0, place: KeyPlace($0)) }.sorted { $0.place < $1.place }
    let known = stale
    for batch in rows.batches(of: Self.batchMax) {
      let owners = Array(batch)
      let fetched =
        creating
        ? try await database.transaction { tx in try self.made(owners, known: known, in: tx) }
        : try await database.read { tx in try self.select(owners, known: known, in: tx) }
      found.merge(fetched) { $1 }
      cache.withLock { cache in
        for (owner, _) in owners { cache.owners[owner] = cache.forgets == forgets ? fetched[owner] : nil }
      }
    }
    return found
  }

  /// Those there are, and new ones for who has none.
  private func made(
    _ owners: [(owner: KeyOwner, place: KeyPlace)], known: [KeyOwner: OwnedKey], in tx: borrowing Transaction
  ) throws -> [KeyOwner: OwnedKey] {
    var found = try select(owners, known: known, in: tx)
    guard found.count < owners.count else { return found }
    let missing = owners.filter { found[$0.owner] == nil }
    found.merge(try insert(missing, in: tx)) { $1 }
    // What another process made at the same time: the insertion waited for it, so it can be read now.
    let others = missing.filter { found[$0.owner] == nil }
    if !others.isEmpty { found.merge(try select(others, known: [:], in: tx)) { $1 } }
    return found
  }

  private func select(
    _ owners: [(owner: KeyOwner, place: KeyPlace)], known: [KeyOwner: OwnedKey], in tx: borrowing Transaction
  ) throws -> [KeyOwner: OwnedKey] {
    let rows = try tx.execute(KeyStatement.select, Self.columns(owners.map(\.place)))
    let now = ContinuousClock.now
    var keks = KEKs(keystore)
    var found: [KeyOwner: OwnedKey] = [:]
    found.reserveCapacity(owners.count)
    for row in 0..<rows.count {
      let (owner, place) = owners[Int(rows.int64(row, 0)) - 1]
      let generation = rows.int64(row, 1)
      if var same = known[owner], same.generation == generation {
        same.seenAt = now
        found[owner] = same
      } else {
        let epoch = rows.int64(row, 2)
        let secret = try WrappedKey.open(
          rows.bytes(row, 3), under: keks.key(place.shard, epoch), at: place, epoch: epoch,
          generation: generation)
        found[owner] = OwnedKey(secret: secret, generation: generation, seenAt: now)
      }
    }
    return found
  }

  private func insert(
    _ owners: [(owner: KeyOwner, place: KeyPlace)], in tx: borrowing Transaction
  ) throws -> [KeyOwner: OwnedKey] {
    let epochs = try shareEpochs(Set(owners.map(\.place.shard)), in: tx)
    let now = ContinuousClock.now
    var keks = KEKs(keystore)
    var made: [Int64: (owner: KeyOwner, key: OwnedKey)] = [:]
    var generations: [Int64] = []
    var wrapped: [[UInt8]] = []
    for (owner, place) in owners {
      let key = OwnedKey(
        secret: SecretBytes(random: AEAD.keySize), generation: Randomness.identifier(), seenAt: now)
      let epoch = epochs[place.shard]!
      generations.append(key.generation)
      wrapped.append(
        WrappedKey.seal(
          key.secret, under: try keks.key(place.shard, epoch), at: place, epoch: epoch,
          generation: key.generation))
      made[key.generation] = (owner, key)
    }
    let rows = try tx.execute(
      KeyStatement.insert,
      Self.columns(owners.map(\.place)) + [
        .int8Array(generations), .int8Array(owners.map { epochs[$0.place.shard]! }), .bytesArray(wrapped),
      ])
    var found: [KeyOwner: OwnedKey] = [:]
    for row in 0..<rows.count {
      guard let (owner, key) = made[rows.int64(row, 0)] else { continue }
      found[owner] = key
    }
    return found
  }

  /// The epochs to make keys under, locked against being retired until `tx` ends.
  private func shareEpochs(_ shards: Set<Int16>, in tx: borrowing Transaction) throws -> [Int16: Int64] {
    let sorted = shards.sorted()
    var rows = try tx.execute(KeyStatement.shareShards, [.int2Array(sorted)])
    if rows.count < sorted.count {
      let newest = try sorted.map { try keystore.keys($0).newest }
      try tx.execute(KeyStatement.seedShards, [.int2Array(sorted), .int8Array(newest)])
      rows = try tx.execute(KeyStatement.shareShards, [.int2Array(sorted)])
    }
    var epochs: [Int16: Int64] = [:]
    for row in 0..<rows.count {
      let shard = Int16(rows.int64(row, 0))
      let keys = try keystore.keys(shard)
      let recorded = rows.int64(row, 1)
      guard recorded <= keys.newest else { throw KEKs.behind(shard, recorded) }
      // Of a database restored from a backup the recorded epoch may be retired, or even gone: never use it.
      let isUsable = keys.epoch(recorded).map { $0.retiredAt == nil } ?? false
      epochs[shard] = isUsable ? recorded : keys.newest
    }
    return epochs
  }

  static func columns(_ places: [KeyPlace]) -> [PostgresValue] {
    [
      .int2Array(places.map(\.shard)), .int2Array(places.map(\.kind)), .int8Array(places.map(\.tenant)),
      .int8Array(places.map(\.high)), .int8Array(places.map(\.low)),
    ]
  }
}

/// The KEKs one statement's rows need, each file looked at once.
struct KEKs {
  private let keystore: Keystore
  private var shards: [Int16: [Int64: SecretBytes]] = [:]

  init(_ keystore: Keystore) { self.keystore = keystore }

  mutating func key(_ shard: Int16, _ epoch: Int64) throws -> SecretBytes {
    if shards[shard] == nil {
      shards[shard] = Dictionary(
        uniqueKeysWithValues: try keystore.keys(shard).epochs.map { ($0.number, $0.key) })
    }
    guard let key = shards[shard]?[epoch] else { throw Self.behind(shard, epoch) }
    return key
  }

  static func behind(_ shard: Int16, _ epoch: Int64) -> KeyVaultError {
    KeyVaultError(
      .keystoreBehind,
      "\(ShardKeys.name(shard)) has no epoch \(epoch), which the database uses; restore the newest backup of the "
        + "keystore, or of the database one that is not older than the backup window")
  }
}

extension Array {
  func batches(of size: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
  }
}
