package import Model
import Sodium

/// Makes a segment piece by piece; the caller appends each piece to the object. Pure but for random nonces, which
/// tests may inject. Not copyable: two copies would give out the same ordinals.
package struct SegmentWriter: ~Copyable {
  package let identity: SegmentIdentity
  package private(set) var directory: [BlockEntry] = []
  private var offset: Int64 = 0
  /// Over everything given out so far; `nil` once finished.
  private var hash: BLAKE2b? = BLAKE2b()
  private let nonce: @Sendable () -> [UInt8]

  /// More would make a footer that readers refuse.
  package static let blocksMax = SegmentTrailer.footerBytesMax / (BlockEntry.size + 1)

  /// The header is part of the first piece.
  package init(
    identity: SegmentIdentity, keys: some SegmentKeys,
    nonce: @escaping @Sendable () -> [UInt8] = { Randomness.bytes(AEAD.nonceSize) }
  ) throws(SegmentError) {
    guard keys.period != nil else { throw SegmentError(.keyDestroyed, "the period") }
    self.identity = identity
    self.nonce = nonce
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
    let ordinal = Int32(directory.count)
    let body = try sealed(messages, ordinal, conversation, keys)
    guard body.count <= BlockEntry.bytesMax else { throw SegmentError(.overLimit, "a block") }
    let start = offset == 0 ? identity.header : []
    directory.append(
      BlockEntry(
        ordinal: ordinal, conversation: conversation, route: route, firstPosition: first.position,
        lastPosition: last.position, count: Int32(messages.count), offset: offset + Int64(start.count),
        length: Int32(body.count), hash: BLAKE2b.hash(body)))
    return emitted(start + body)
  }

  private func sealed(
    _ messages: [StoredMessage], _ ordinal: Int32, _ conversation: ConversationID, _ keys: some SegmentKeys
  ) throws(SegmentError) -> [UInt8] {
    var numbers: [SubjectID: Int] = [:]
    var byLane: [[StoredMessage]] = []
    var order: [Int] = []
    for message in messages {
      let lane = numbers[message.sender] ?? byLane.count
      if lane == byLane.count {
        numbers[message.sender] = lane
        byLane.append([])
      }
      byLane[lane].append(message)
      order.append(lane)
    }
    var lanes: [OrderTable.Lane] = []
    var sealedLanes: [UInt8] = []
    var plainBytes = 0
    for (number, lane) in byLane.enumerated() {
      let sender = lane[0].sender
      guard let key = keys.lane(sender, conversation) else { throw SegmentError(.keyDestroyed, "an author") }
      let place = SegmentPlace.lane(
        ordinal: ordinal, lane: number, conversation: conversation, sender: sender)
      let plain = LaneColumns.encode(lane)
      plainBytes += plain.count
      guard plainBytes <= BlockEntry.plainBytesMax else { throw SegmentError(.overLimit, "a block") }
      let bytes = AEAD.seal(
        LaneColumns.packed(plain), key: key, nonce: nonce(), additional: place.additional(identity))
      lanes.append(OrderTable.Lane(sender: sender, length: bytes.count))
      sealedLanes += bytes
    }
    let place = SegmentPlace.order(ordinal: ordinal, conversation: conversation)
    let table = AEAD.seal(
      OrderTable(lanes: lanes, order: order).bytes, key: try keys.order(conversation), nonce: nonce(),
      additional: place.additional(identity))
    var writer = ByteWriter(reservingCapacity: table.count + sealedLanes.count + 4)
    writer.fixed(UInt32(table.count))
    writer.raw(table)
    writer.raw(sealedLanes)
    return writer.bytes
  }

  /// Footer and trailer.
  package mutating func finish(keys: some SegmentKeys) throws(SegmentError) -> [UInt8] {
    let start = offset == 0 ? identity.header : []
    let footerOffset = offset + Int64(start.count)
    var plain = ByteWriter(reservingCapacity: directory.count * 100)
    plain.varint(directory.count)
    for index in directory.indices { directory[index].write(to: &plain) }
    let footer = AEAD.seal(
      plain.bytes, key: try keys.footer(identity), nonce: nonce(),
      additional: SegmentPlace.footer(offset: footerOffset).additional(identity))
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
