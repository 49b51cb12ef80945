package import Model
import Sodium
import Zstd

/// Makes a segment piece by piece; the caller appends each piece to the object. Pure: nonces are hashes of places, so
/// an identity is for one segment only, and not copyable: two copies would give out the same places.
package struct SegmentWriter: ~Copyable {
  package let identity: SegmentIdentity
  package private(set) var directory: [BlockEntry] = []
  private var offset: Int64 = 0
  /// Over everything given out so far; `nil` once finished.
  private var hash: BLAKE2b? = BLAKE2b()
  private let dictionary: ZstdDictionary?
  /// What the bytes given out so far went into.
  package private(set) var costs = ColumnCosts()

  /// Beyond it frames take more time than room: 0.5 bytes a message less at level 19, for a fourth of the speed.
  package static let compressionLevel: Int32 = 12
  /// More could make a footer that readers refuse.
  package static let blocksMax = SegmentTrailer.footerBytesMax / Directory.entryBytesMax - 1

  /// The header is part of the first piece.
  package init(identity: SegmentIdentity, keys: some SegmentKeys) throws(SegmentError) {
    guard keys.period != nil else { throw SegmentError(.keyDestroyed, "the period") }
    let dictionary = identity.dictionary.flatMap { keys.dictionary($0) }
    guard dictionary != nil || identity.dictionary == nil else {
      throw SegmentError(.dictionaryMissing, "segment \(identity.hex)")
    }
    self.identity = identity
    self.dictionary = dictionary
  }

  /// A run of one conversation's messages, in order of position and all of the segment's period. No bytes for no
  /// messages. Nothing changes when it throws: `.keyDestroyed` for a key that is missing, `.overLimit`.
  package mutating func block(
    _ conversation: ConversationID, route: RouteKey, _ messages: [StoredMessage], keys: some SegmentKeys
  ) throws(SegmentError) -> [UInt8] {
    guard !messages.isEmpty else { return [] }
    let run = BlockRun(conversation: conversation, route: route, messages: messages)
    return append(try plan().seal(run, ordinal: nextOrdinal, keys: keys))
  }

  /// What a block is sealed with: the same for all of the segment, and for any thread.
  package func plan() -> BlockSeal { BlockSeal(identity: identity, dictionary: dictionary) }

  /// The next block's, which it must be sealed with; those after it follow.
  package var nextOrdinal: Int32 { Int32(directory.count) }

  /// Adds the block that has the next ordinal.
  package mutating func append(_ block: SealedBlock) -> [UInt8] {
    precondition(block.ordinal == nextOrdinal, "blocks are added in order")
    precondition(
      directory.last?.conversation != block.conversation || directory.last?.route == block.route,
      "a conversation has one route")
    costs.add(block.costs)
    let start = offset == 0 ? identity.header : []
    directory.append(
      BlockEntry(
        ordinal: block.ordinal, conversation: block.conversation, route: block.route,
        firstPosition: block.first, lastPosition: block.last, count: block.count,
        offset: offset + Int64(start.count), length: Int32(block.bytes.count), hash: block.hash))
    return emitted(start + block.bytes)
  }

  /// Footer and trailer.
  package mutating func finish(keys: some SegmentKeys) throws(SegmentError) -> [UInt8] {
    let start = offset == 0 ? identity.header : []
    let footerOffset = offset + Int64(start.count)
    let footer = SegmentPlace.footer(offset: footerOffset).seal(
      Directory.bytes(directory, period: identity.period), key: try keys.footer(identity), identity)
    costs.add(footer.count + SegmentTrailer.size, to: .footer)
    costs.add(SegmentIdentity.headerSize, to: .header)
    let tail = emitted(start + footer)
    var trailer = ByteWriter(reservingCapacity: SegmentTrailer.size)
    trailer.fixed(footerOffset)
    trailer.fixed(UInt32(footer.count))
    trailer.fixed(UInt32(0))
    hash?.update(trailer.bytes)
    guard let running = hash.take() else { preconditionFailure("a segment is finished once") }
    trailer.raw(running.finish())
    trailer.raw(SegmentTrailer.magic)
    return tail + trailer.bytes
  }

  private mutating func emitted(_ bytes: [UInt8]) -> [UInt8] {
    hash?.update(bytes)
    offset += Int64(bytes.count)
    return bytes
  }
}
