package import Catalog
package import KeyVault
package import Model
package import Postgres
package import SegmentFormat
package import Segments

/// Opens blocks of the archive for readers: one ranged read each at most, decoded with the keys that still exist.
package struct ArchiveReader: Sendable {
  package let store: any SegmentStore
  package let dictionaries: DictionaryShelf
  package let cache: BlockCache
  let vault: KeyVault

  /// - Parameter cache: of blocks that readers come by again; none by default.
  package init(
    store: any SegmentStore, vault: KeyVault, database: PostgresPool,
    cache: BlockCache = BlockCache(bytesMax: 0)
  ) {
    self.cache = cache
    dictionaries = DictionaryShelf(database: database, vault: vault)
    self.store = store
    self.vault = vault
  }

  /// The readable messages of a block, in order. Lanes whose key is destroyed are missing. Asks the store, whatever is
  /// cached: for who wants to know what is there.
  package func messages(_ block: BlockRow) async throws -> [StoredMessage] {
    try await decode(block, await bytes(block)).messages
  }

  /// As ``messages(_:)``, of a block that may have been read before: only its sealed bytes are kept.
  package func recentMessages(_ block: BlockRow) async throws -> [StoredMessage] {
    if let bytes = cache.block(block.segment, at: block.offset) {
      return try await decode(block, bytes).messages
    }
    let bytes = try await bytes(block)
    let messages = try await decode(block, bytes).messages
    cache.keep(bytes, of: block.segment, at: block.offset)
    return messages
  }

  private func bytes(_ block: BlockRow) async throws -> [UInt8] {
    try await store.read(
      SegmentName.object(block.segment), range: Int(block.offset)..<Int(block.offset) + Int(block.length))
  }

  package func decode(_ block: BlockRow, _ bytes: [UInt8]) async throws -> DecodedBlock {
    let entry = BlockEntry(
      ordinal: block.ordinal, conversation: block.conversation, route: block.route,
      firstPosition: block.first,
      lastPosition: block.last, count: block.count, offset: block.offset, length: block.length,
      hash: block.hash)
    let identity = try SegmentIdentity(
      tenant: block.tenant, retentionClass: block.retentionClass, period: block.period, hex: block.segment,
      dictionary: block.dictionary)
    let keys = try await keys(for: entry, identity, bytes)
    return try SegmentReader.decode(entry, bytes, identity: identity, keys: keys)
  }

  /// Gathers the keys of exactly the authors of one block.
  private func keys(for entry: BlockEntry, _ identity: SegmentIdentity, _ bytes: [UInt8]) async throws
    -> HeldKeys
  {
    let tenant = identity.tenant
    let period = KeyOwner.period(tenant, identity.retentionClass, identity.period)
    let conversation = KeyOwner.conversation(tenant, entry.conversation)
    let held = try await vault.keys([period, conversation], creating: false)
    var keys = HeldKeys(
      period: held[period], conversations: held[conversation].map { [entry.conversation: $0] } ?? [:],
      lanes: [:], hasher: vault.hasher(tenant),
      dictionary: try await dictionaries.dictionary(identity.dictionary, tenant: tenant))
    let senders = try SegmentReader.senders(of: entry, bytes, identity: identity, keys: keys)
    let lanes = Set(
      senders.map {
        LaneID(
          tenant: tenant, subject: $0, conversation: entry.conversation,
          retentionClass: identity.retentionClass,
          period: identity.period)
      })
    for (lane, key) in try await vault.lanes(lanes, creating: false) {
      keys.lanes[HeldKeys.Lane(sender: lane.subject, conversation: lane.conversation)] = key.secret
    }
    return keys
  }
}
