package import Model
import Sodium
import Zstd

/// Messages of one conversation that become a block.
package struct BlockRun: Sendable {
  package let conversation: ConversationID
  package let route: RouteKey
  /// In order of position, at least one.
  package let messages: [StoredMessage]

  package init(conversation: ConversationID, route: RouteKey, messages: [StoredMessage]) {
    self.conversation = conversation
    self.route = route
    self.messages = messages
  }
}

/// A block that is sealed and not in its segment yet.
package struct SealedBlock: Sendable {
  let ordinal: Int32
  let conversation: ConversationID
  let route: RouteKey
  let first: MessagePosition
  let last: MessagePosition
  let count: Int32
  package let bytes: [UInt8]
  let hash: [UInt8]
  let costs: ColumnCosts
}

/// Seals blocks of one segment. Pure, so that several are sealed at a time; each ordinal is given out once.
package struct BlockSeal: Sendable {
  private let identity: SegmentIdentity
  private let dictionary: ZstdDictionary?

  init(identity: SegmentIdentity, dictionary: ZstdDictionary?) {
    self.identity = identity
    self.dictionary = dictionary
  }

  /// Throws `.keyDestroyed` for a key that is missing, `.overLimit`.
  package func seal(_ run: BlockRun, ordinal: Int32, keys: some SegmentKeys) throws(SegmentError)
    -> SealedBlock
  {
    let messages = run.messages
    guard let first = messages.first?.position, let last = messages.last?.position else {
      preconditionFailure("a block has messages")
    }
    precondition(
      messages.allSatisfy { $0.conversation == run.conversation }, "a block holds one conversation")
    precondition(
      zip(messages, messages.dropFirst()).allSatisfy { $0.position < $1.position }, "a block is in order")
    guard messages.count <= BlockEntry.messagesMax, ordinal < SegmentWriter.blocksMax,
      messages.reduce(0, { $0 + $1.payload.count }) <= BlockEntry.payloadBytesMax
    else { throw SegmentError(.overLimit, "a block") }
    var draft = BlockDraft(run.conversation, ordinal, identity)
    let origin = BlockOrigin(period: identity.period, first, last, count: messages.count)
    try draft.add(BlockLanes(messages), in: origin, dictionary, keys)
    let bytes = draft.bytes(table: try keys.table(run.conversation), origin)
    guard bytes.count <= BlockEntry.bytesMax else { throw SegmentError(.overLimit, "a block") }
    return SealedBlock(
      ordinal: ordinal, conversation: run.conversation, route: run.route, first: first, last: last,
      count: Int32(messages.count), bytes: bytes, hash: BlockEntry.hash(of: bytes), costs: draft.costs)
  }
}

/// A block's messages by author, in ascending order of these: in this order they are numbered.
private struct BlockLanes {
  struct Lane {
    let sender: SubjectID
    var messages: [StoredMessage] = []
    var parts: [PayloadParts] = []
  }

  private(set) var lanes: [Lane]

  init(_ messages: [StoredMessage]) {
    var places: [SubjectID: Int] = [:]
    var lanes: [Lane] = []
    for message in messages {
      let place = places[message.sender] ?? lanes.count
      if place == lanes.count {
        places[message.sender] = place
        lanes.append(Lane(sender: message.sender))
      }
      let parts = PayloadParts(payload: message.payload)
      lanes[place].messages.append(message)
      lanes[place].parts.append(parts)
    }
    lanes.sort { $0.sender.rawValue < $1.sender.rawValue }
    self.lanes = lanes
  }
}

/// The lanes of a block that are sealed so far.
private struct BlockDraft {
  private let conversation: ConversationID
  private let ordinal: Int32
  private let identity: SegmentIdentity
  private var lanes: [LaneTable.Lane] = []
  private var sealed: [UInt8] = []
  private(set) var costs = ColumnCosts()

  init(_ conversation: ConversationID, _ ordinal: Int32, _ identity: SegmentIdentity) {
    (self.conversation, self.ordinal, self.identity) = (conversation, ordinal, identity)
  }

  mutating func add(
    _ block: BlockLanes, in origin: BlockOrigin, _ dictionary: ZstdDictionary?, _ keys: some SegmentKeys
  ) throws(SegmentError) {
    var (plainBytes, before) = (0, 0)
    for (number, lane) in block.lanes.enumerated() {
      guard let key = keys.lane(lane.sender, conversation) else {
        throw SegmentError(.keyDestroyed, "an author")
      }
      let references = LaneReferences(lane.parts, after: before)
      before += lane.parts.count
      var columns = LaneColumns(
        lane.messages, lane.parts, in: origin, references: references, key: keys.messageKey)
      plainBytes += columns.count
      guard plainBytes <= BlockEntry.plainBytesMax else { throw SegmentError(.overLimit, "a block") }
      let place = SegmentPlace.lane(
        ordinal: ordinal, lane: number, conversation: conversation, sender: lane.sender)
      let bytes = place.seal(columns.packed(dictionary), key: key, identity)
      lanes.append(
        LaneTable.Lane(sender: lane.sender, count: lane.messages.count, length: bytes.count))
      sealed += bytes
      costs.add(columns.costs)
      costs.add(SegmentPlace.overhead, to: .tags)
    }
  }

  /// The whole block.
  mutating func bytes(table key: SecretBytes, _ origin: BlockOrigin) -> [UInt8] {
    let table = LaneTable(lanes: lanes, pace: origin.pace).bytes
    var writer = ByteWriter(reservingCapacity: table.count + sealed.count + 32)
    let place = SegmentPlace.table(ordinal: ordinal, conversation: conversation, first: origin.first)
    writer.blob(place.seal(table, key: key, identity))
    costs.add(table.count, to: .tables)
    costs.add(SegmentPlace.overhead, to: .tags)
    costs.add(writer.bytes.count - table.count - SegmentPlace.overhead, to: .header)
    writer.raw(sealed)
    return writer.bytes
  }
}
