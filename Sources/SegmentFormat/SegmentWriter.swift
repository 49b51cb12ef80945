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
    guard let first = messages.first, let last = messages.last else { return [] }
    precondition(messages.allSatisfy { $0.conversation == conversation }, "a block holds one conversation")
    precondition(
      zip(messages, messages.dropFirst()).allSatisfy { $0.position < $1.position }, "a block is in order")
    guard messages.count <= BlockEntry.messagesMax, directory.count < Self.blocksMax else {
      throw SegmentError(.overLimit, "a block")
    }
    precondition(
      directory.last?.conversation != conversation || directory.last?.route == route,
      "a conversation has one route")
    let ordinal = Int32(directory.count)
    let (body, bodyCosts) = try sealed(messages, ordinal, conversation, keys)
    guard body.count <= BlockEntry.bytesMax else { throw SegmentError(.overLimit, "a block") }
    costs.add(bodyCosts)
    let start = offset == 0 ? identity.header : []
    directory.append(
      BlockEntry(
        ordinal: ordinal, conversation: conversation, route: route, firstPosition: first.position,
        lastPosition: last.position, count: Int32(messages.count), offset: offset + Int64(start.count),
        length: Int32(body.count), hash: BlockEntry.hash(of: body)))
    return emitted(start + body)
  }

  private func sealed(
    _ messages: [StoredMessage], _ ordinal: Int32, _ conversation: ConversationID, _ keys: some SegmentKeys
  ) throws(SegmentError) -> (bytes: [UInt8], costs: ColumnCosts) {
    var costs = ColumnCosts()
    var lanes: [LaneTable.Lane] = []
    var sealedLanes: [UInt8] = []
    var plainBytes = 0
    let bySender = Dictionary(grouping: messages, by: \.sender)
    for (number, sender) in bySender.keys.sorted(by: { $0.rawValue < $1.rawValue }).enumerated() {
      guard let key = keys.lane(sender, conversation) else { throw SegmentError(.keyDestroyed, "an author") }
      let messages = bySender[sender] ?? []
      var columns = LaneColumns(messages, period: identity.period, key: keys.messageKey)
      plainBytes += columns.count
      guard plainBytes <= BlockEntry.plainBytesMax else { throw SegmentError(.overLimit, "a block") }
      let place = SegmentPlace.lane(
        ordinal: ordinal, lane: number, conversation: conversation, sender: sender)
      let bytes = place.seal(columns.packed(dictionary), key: key, identity)
      lanes.append(LaneTable.Lane(sender: sender, count: messages.count, length: bytes.count))
      sealedLanes += bytes
      costs.add(columns.costs)
      costs.add(SegmentPlace.overhead, to: .tags)
    }
    let table = LaneTable(lanes: lanes).bytes
    var writer = ByteWriter(reservingCapacity: table.count + sealedLanes.count + 32)
    let place = SegmentPlace.table(ordinal: ordinal, conversation: conversation)
    writer.blob(place.seal(table, key: try keys.table(conversation), identity))
    costs.add(table.count, to: .tables)
    costs.add(SegmentPlace.overhead, to: .tags)
    costs.add(writer.bytes.count - table.count - SegmentPlace.overhead, to: .header)
    writer.raw(sealedLanes)
    return (writer.bytes, costs)
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
