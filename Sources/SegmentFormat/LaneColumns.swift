import Model
import Zstd

/// One author's messages of a block, column by column: ids, times, sequences, payload lengths, payloads. Within a
/// column neighbours resemble each other, which is what zstd lives on.
enum LaneColumns {
  /// The columns; ``packed(_:)`` makes a lane of them.
  static func encode(_ messages: [StoredMessage]) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: messages.reduce(64) { $0 + $1.payload.count + 40 })
    writer.varint(messages.count)
    for message in messages {
      writer.fixed(message.key.high)
      writer.fixed(message.key.low)
    }
    var time: Int64 = 0
    for message in messages {
      writer.signed(message.position.createdAt.microseconds &- time)
      time = message.position.createdAt.microseconds
    }
    var sequence: Int64 = 0
    for message in messages {
      writer.signed(message.position.sequence &- sequence)
      sequence = message.position.sequence
    }
    for message in messages { writer.varint(message.payload.count) }
    for message in messages { writer.raw(message.payload) }
    return writer.bytes
  }

  /// A marker byte, then zstd where it is smaller, the bytes as they are where not.
  static func packed(_ plain: [UInt8]) -> [UInt8] {
    let compressed = ZstdFrame.compress(plain, level: 3)
    return compressed.count < plain.count ? [1] + compressed : [0] + plain
  }

  /// The inverse of ``packed(_:)``. A frame that declares more than `limit` bytes is refused before memory is taken.
  static func unpacked(_ bytes: [UInt8], limit: Int) throws -> [UInt8] {
    guard let marker = bytes.first, marker <= 1 else { throw MalformedBytes("lane marker") }
    let rest = Array(bytes.dropFirst())
    guard marker == 0 else { return try ZstdFrame.decompress(rest, limit: limit) }
    guard rest.count <= limit else { throw ZstdError(.tooLarge) }
    return rest
  }

  static func decode(_ plain: [UInt8], conversation: ConversationID, sender: SubjectID) throws(MalformedBytes)
    -> [StoredMessage]
  {
    var reader = ByteReader(plain)
    let count = try reader.count(limit: BlockEntry.messagesMax)
    var keys: [MessageKey] = []
    for _ in 0..<count {
      keys.append(MessageKey(high: try reader.fixed(Int64.self), low: try reader.fixed(Int64.self)))
    }
    var times: [Int64] = []
    for _ in 0..<count { times.append((times.last ?? 0) &+ (try reader.signed())) }
    var sequences: [Int64] = []
    for _ in 0..<count { sequences.append((sequences.last ?? 0) &+ (try reader.signed())) }
    var lengths: [Int] = []
    for _ in 0..<count { lengths.append(try reader.count(limit: plain.count)) }
    var messages: [StoredMessage] = []
    for index in 0..<count {
      messages.append(
        StoredMessage(
          key: keys[index],
          position: MessagePosition(
            createdAt: Timestamp(microseconds: times[index]), sequence: sequences[index]),
          conversation: conversation, sender: sender, payload: try reader.raw(lengths[index])))
    }
    guard reader.atEnd else { throw MalformedBytes("lane has bytes left over") }
    return messages
  }
}
