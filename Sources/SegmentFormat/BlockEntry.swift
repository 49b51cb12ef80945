package import Model

/// Where a block lies and what it holds: one line of the footer's directory.
package struct BlockEntry: Hashable, Sendable {
  package let ordinal: Int32
  package let conversation: ConversationID
  package let route: RouteKey
  package let firstPosition: MessagePosition
  package let lastPosition: MessagePosition
  package let count: Int32
  package let offset: Int64
  package let length: Int32
  /// BLAKE2b-256 of the block's bytes.
  package let hash: [UInt8]

  /// What a reader accepts. Writers stay far below: Tiering ends a block at 1,024 messages or 256 KiB of payload,
  /// and one message has 4 MiB at most.
  package static let messagesMax = 4_096
  /// Bytes of a block as stored, and of all its lanes together once decompressed.
  package static let bytesMax = 32 << 20
  package static let plainBytesMax = 32 << 20
  /// Bytes of an entry in the footer.
  static let size = 96

  package init(
    ordinal: Int32, conversation: ConversationID, route: RouteKey, firstPosition: MessagePosition,
    lastPosition: MessagePosition, count: Int32, offset: Int64, length: Int32, hash: [UInt8]
  ) {
    self.ordinal = ordinal
    self.conversation = conversation
    self.route = route
    self.firstPosition = firstPosition
    self.lastPosition = lastPosition
    self.count = count
    self.offset = offset
    self.length = length
    self.hash = hash
  }

  func write(to writer: inout ByteWriter) {
    writer.fixed(conversation.rawValue)
    writer.fixed(route.rawValue)
    for position in [firstPosition, lastPosition] {
      writer.fixed(position.createdAt.microseconds)
      writer.fixed(position.sequence)
    }
    writer.fixed(count)
    writer.fixed(offset)
    writer.fixed(length)
    writer.raw(hash)
  }

  init(ordinal: Int32, from reader: inout ByteReader) throws(MalformedBytes) {
    func position(_ reader: inout ByteReader) throws(MalformedBytes) -> MessagePosition {
      MessagePosition(
        createdAt: Timestamp(microseconds: try reader.fixed(Int64.self)),
        sequence: try reader.fixed(Int64.self))
    }
    let conversation = ConversationID(rawValue: try reader.fixed(Int64.self))
    let route = RouteKey(rawValue: try reader.fixed(Int64.self))
    let first = try position(&reader)
    let last = try position(&reader)
    let count = try reader.fixed(Int32.self)
    let offset = try reader.fixed(Int64.self)
    let length = try reader.fixed(Int32.self)
    guard count > 0, count <= Self.messagesMax, length > 0, length <= Self.bytesMax, offset >= 0,
      first <= last, count == 1 || first < last
    else {
      throw MalformedBytes("block entry")
    }
    self.init(
      ordinal: ordinal, conversation: conversation, route: route, firstPosition: first, lastPosition: last,
      count: count, offset: offset, length: length, hash: try reader.raw(32))
  }
}
