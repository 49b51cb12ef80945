import Catalog
import KeyVault
package import Model
import Postgres
import SegmentFormat
import Sodium
import Synchronization
package import Zstd

/// The dictionaries of segments, opened. They are sealed under a key of their tenant's that no period, person or
/// conversation has a part in: what is in them many people wrote.
package final class DictionaryShelf: Sendable {
  private let database: PostgresPool
  private let vault: KeyVault
  private let opened = Mutex<[[UInt8]: ZstdDictionary]>([:])

  /// A process serves few tenants at a time; an opened dictionary takes about 1 MiB.
  private static let openedMax = 64

  init(database: PostgresPool, vault: KeyVault) {
    self.database = database
    self.vault = vault
  }

  /// `nil` for none, and for one that the catalogue does not have.
  package func dictionary(_ id: [UInt8]?, tenant: TenantID) async throws -> ZstdDictionary? {
    guard let id else { return nil }
    if let known = opened.withLock({ $0[id] }) { return known }
    guard let bytes = try await bytes(id, tenant: tenant) else { return nil }
    let dictionary = try ZstdDictionary(bytes, level: SegmentWriter.compressionLevel)
    opened.withLock { opened in
      if opened.count >= Self.openedMax { opened.removeAll() }
      opened[id] = dictionary
    }
    return dictionary
  }

  /// What a dictionary consists of; `nil` for one that the catalogue does not have.
  package func bytes(_ id: [UInt8], tenant: TenantID) async throws -> [UInt8]? {
    let sealed = try await database.read { tx in try ArchiveDictionaries.sealed(id, tenant: tenant, in: tx) }
    guard let sealed else { return nil }
    return try AEAD.open(sealed, key: key(tenant), additional: Self.additional(id, tenant))
  }

  /// Keeps a new dictionary and returns its id.
  package func keep(_ bytes: [UInt8], tenant: TenantID, at now: Timestamp) async throws -> [UInt8] {
    let id = Randomness.bytes(16)
    let sealed = AEAD.seal(bytes, key: key(tenant), additional: Self.additional(id, tenant))
    try await database.transaction { tx in
      try ArchiveDictionaries.insert(id, sealed: sealed, tenant: tenant, at: now, in: tx)
    }
    return id
  }

  package func newest(tenant: TenantID) async throws -> [UInt8]? {
    try await database.read { tx in try ArchiveDictionaries.newest(tenant: tenant, in: tx) }
  }

  private func key(_ tenant: TenantID) -> SecretBytes {
    vault.derivedKey("archive-dictionary/\(tenant.rawValue)")
  }

  private static func additional(_ id: [UInt8], _ tenant: TenantID) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 64)
    writer.raw("muniment/dictionary/v1".utf8)
    writer.fixed(tenant.rawValue)
    writer.raw(id)
    return writer.bytes
  }
}
