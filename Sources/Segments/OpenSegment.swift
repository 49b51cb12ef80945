package import Model
package import SegmentFormat

/// A segment whose header, trailer and footer were read and authenticated; its blocks are read by range when asked
/// for. For readers that have no catalogue to look in: verification of a lone object, rebuilding the catalogue.
package struct OpenSegment: Sendable {
  package let identity: SegmentIdentity
  package let directory: [BlockEntry]
  package let trailer: SegmentTrailer
  private let store: any SegmentStore

  /// Three reads: header, trailer, footer. Throws ``SegmentError``, `.keyDestroyed` without the period's key, and
  /// what the store throws. `keys` is asked with the identity in the header, which is not authenticated yet.
  package init(
    _ id: String, in store: any SegmentStore,
    keys: @Sendable (SegmentIdentity) async throws -> some SegmentKeys
  ) async throws {
    let name = SegmentName.object(id)
    let size = try await store.size(name)
    guard size >= Int64(SegmentIdentity.headerSize + SegmentTrailer.size) else {
      throw SegmentError(.truncated, "the segment")
    }
    identity = try SegmentIdentity(
      header: await store.read(name, range: 0..<SegmentIdentity.headerSize))
    guard identity.hex == id else { throw SegmentError(.damaged, "the header") }
    trailer = try SegmentTrailer(
      await store.read(name, range: Int(size) - SegmentTrailer.size..<Int(size)), objectSize: size)
    let footer = try await store.read(name, range: trailer.footerRange)
    directory = try SegmentReader.directory(
      footer: footer, at: trailer.footerOffset, identity: identity, keys: try await keys(identity))
    self.store = store
  }

  /// The blocks that may hold messages of a conversation with `from <= createdAt < until`, in order of position.
  package func blocks(of conversation: ConversationID, from: Timestamp, until: Timestamp) -> [BlockEntry] {
    directory.filter {
      $0.conversation == conversation && from <= $0.lastPosition.createdAt
        && $0.firstPosition.createdAt < until
    }.sorted { $0.firstPosition < $1.firstPosition }
  }

  /// A block's bytes as stored; one ranged read.
  package func bytes(of entry: BlockEntry) async throws -> [UInt8] {
    try await store.read(
      SegmentName.object(identity.hex), range: Int(entry.offset)..<Int(entry.offset) + Int(entry.length))
  }

  /// The readable messages of a block.
  package func block(_ entry: BlockEntry, keys: some SegmentKeys) async throws -> DecodedBlock {
    try SegmentReader.decode(entry, await bytes(of: entry), identity: identity, keys: keys)
  }
}
