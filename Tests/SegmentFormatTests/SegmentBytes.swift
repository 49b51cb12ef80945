import Model
import SegmentFormat
import Sodium

/// A whole segment in memory, and reading one the way a reader without a catalogue does.
struct SegmentBytes {
  let identity: SegmentIdentity
  var bytes: [UInt8]
  let directory: [BlockEntry]
  let costs: ColumnCosts

  typealias Block = (conversation: ConversationID, messages: [StoredMessage])

  init(
    _ blocks: [Block], keys: TestKeyring, id: [UInt8] = Randomness.bytes(16), dictionary: [UInt8]? = nil
  ) throws {
    let identity = SegmentIdentity(
      tenant: TenantID(rawValue: 7), retentionClass: 0, period: Period(rawValue: 2015 * 12 + 7), id: id,
      dictionary: dictionary)
    try self.init(blocks, keys: keys, identity: identity)
  }

  init(_ blocks: [Block], keys: TestKeyring, identity: SegmentIdentity) throws {
    self.identity = identity
    var writer = try SegmentWriter(identity: identity, keys: keys)
    bytes = []
    for block in blocks {
      bytes += try writer.block(
        block.conversation, route: RouteKey(rawValue: block.conversation.rawValue &* 31), block.messages,
        keys: keys)
    }
    bytes += try writer.finish(keys: keys)
    directory = writer.directory
    costs = writer.costs
  }

  func block(_ entry: BlockEntry) -> [UInt8] {
    Array(bytes[Int(entry.offset)..<Int(entry.offset) + Int(entry.length)])
  }

  func decode(_ entry: BlockEntry, keys: TestKeyring) throws -> DecodedBlock {
    try SegmentReader.decode(entry, block(entry), identity: identity, keys: keys)
  }

  /// Everything readable. With `hashing`, also checks the trailer's hash, as verification does and reading does not.
  static func readAll(_ bytes: [UInt8], keys: TestKeyring, hashing: Bool) throws -> [StoredMessage] {
    guard bytes.count >= SegmentIdentity.headerSize + SegmentTrailer.size else {
      throw SegmentError(.truncated, "the segment")
    }
    let identity = try SegmentIdentity(header: Array(bytes.prefix(SegmentIdentity.headerSize)))
    let trailer = try SegmentTrailer(Array(bytes.suffix(SegmentTrailer.size)), objectSize: Int64(bytes.count))
    if hashing, BLAKE2b.hash(Array(bytes.dropLast(SegmentTrailer.uncoveredSize))) != trailer.hash {
      throw SegmentError(.damaged, "the segment")
    }
    let directory = try SegmentReader.directory(
      footer: Array(bytes[trailer.footerRange]), at: trailer.footerOffset, identity: identity, keys: keys)
    var messages: [StoredMessage] = []
    for entry in directory {
      let block = Array(bytes[Int(entry.offset)..<Int(entry.offset) + Int(entry.length)])
      messages += try SegmentReader.decode(entry, block, identity: identity, keys: keys).messages
    }
    return messages
  }
}
