import Blocking
package import Model
package import Postgres
package import Sodium
import Synchronization

/// A data key in memory.
struct OwnedKey: Sendable {
  let secret: SecretBytes
  /// Tells this key from one made for the same owner after this one was destroyed.
  let generation: Int64
  /// When the database last had it.
  var seenAt: ContinuousClock.Instant
}

/// The key hierarchy: root key, KEKs in the keystore, data keys wrapped in the database, lane keys derived.
///
/// Keys are cached. What this process destroys it forgets at once (``forget(_:)``); what another one destroys,
/// within `trust`. Whoever seals under a key asks ``alive(_:in:)-(Set<KeyOwner>,_)`` in the transaction that
/// stores what was sealed.
package final class KeyVault: Sendable {
  package static let ownersCachedMax = 100_000
  package static let lanesCachedMax = 200_000

  struct Cache: Sendable {
    var owners: BoundedCache<KeyOwner, OwnedKey>
    var lanes: BoundedCache<LaneID, LaneKey>
    var hashers = BoundedCache<TenantID, TenantHasher>(limit: 10_000)
    /// Counts calls of `forget`: what was read before one must not be cached after it.
    var forgets: UInt64 = 0
  }

  let keystore: Keystore
  let database: PostgresPool
  package let trust: Duration
  let cache: Mutex<Cache>
  /// What is derived for good comes from here; see ``Keystore/baseName``.
  private let base: SecretBytes

  /// Makes the root key and the keystore in `directory` (such as `$MUNIMENT_HOME/keys`), or what is missing of an
  /// attempt that was broken off. Safe to repeat. Blocks on the disk.
  package static func create(directory: String, root: RootKeySource = .file) throws {
    try Keystore.create(directory, root: root)
  }

  /// Opens the keystore and checks every file of it. Blocks on the disk.
  /// - Parameter trust: for how long a cached key is used without asking the database whether it still exists.
  package convenience init(
    directory: String, database: PostgresPool, root: RootKeySource = .file, trust: Duration = .seconds(2)
  ) throws {
    try self.init(directory: directory, database: database, root: root, trust: trust) {
      FaultPoint.reach("keys.\($0.rawValue)")
    }
  }

  init(
    directory: String, database: PostgresPool, root source: RootKeySource = .file,
    trust: Duration = .seconds(2),
    ownersMax: Int = KeyVault.ownersCachedMax, lanesMax: Int = KeyVault.lanesCachedMax,
    interrupt: @escaping @Sendable (VaultStep) throws -> Void
  ) throws {
    if source == .file, try KeyFile.stamp("\(directory)/\(Keystore.markerName)") == nil {
      throw KeyVaultError(.missing, "there is no complete keystore in \(directory); run `muniment init`")
    }
    let root = try RootKey.load(source, directory: directory)
    try Keystore.adopt(directory, root: root) { FaultPoint.reach("root.\($0.rawValue)") }
    base = try Keystore.base(directory, root: root)
    keystore = try Keystore(directory: directory, root: root, interrupt: interrupt)
    self.database = database
    self.trust = trust
    cache = Mutex(Cache(owners: BoundedCache(limit: ownersMax), lanes: BoundedCache(limit: lanesMax)))
  }

  /// How often keys were forgotten: what was learnt with keys before is to be forgotten with them.
  package var forgets: UInt64 { cache.withLock { $0.forgets } }

  package func hasher(_ tenant: TenantID) -> TenantHasher {
    if let known = cache.withLock({ $0.hashers[tenant] }) { return known }
    let hasher = TenantHasher(root: base, tenant: tenant)
    cache.withLock { $0.hashers[tenant] = hasher }
    return hasher
  }

  /// The same key for the same purpose for ever: a change of the root key does not change it.
  package func signingKey(_ purpose: String) -> SigningKey {
    do {
      return try SigningKey(
        seed: BLAKE2b.derive([base], context: Array("muniment/signing/v1/\(purpose)".utf8)))
    } catch {
      preconditionFailure("a derived seed has the right size")
    }
  }

  /// A key of 32 bytes that is the same for ever.
  package func derivedKey(_ purpose: String) -> SecretBytes {
    BLAKE2b.derive([base], context: Array("muniment/derived/v1/\(purpose)".utf8))
  }

  /// Drops keys from the cache, and the lanes derived from them; to be called once their destruction is
  /// committed.
  package func forget(_ owners: some Collection<KeyOwner>) {
    let gone = Set(owners)
    cache.withLock { cache in
      cache.forgets += 1
      for owner in gone { cache.owners[owner] = nil }
      cache.lanes.removeAll { $0.owners.contains(where: gone.contains) }
    }
  }
}
