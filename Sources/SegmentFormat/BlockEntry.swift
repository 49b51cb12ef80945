package import Model
import Sodium

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
  /// See ``hash(of:)``.
  package let hash: [UInt8]

  /// What a reader accepts. Writers stay below: Tiering ends a block at 2,048 messages or 512 KiB of payload, and one
  /// message has 4 MiB at most.
  package static let messagesMax = 4_096
  /// Bytes of a block as stored, and of all its lanes together once decompressed.
  package static let bytesMax = 32 << 20
  package static let plainBytesMax = 32 << 20
  /// Bytes of all payloads of a block, put together again: a prefix, a type or an id that lanes hold once is in many.
  package static let payloadBytesMax = 64 << 20
  static let hashSize = 16

  /// BLAKE2b-128 of a block's bytes. It finds damage where lanes cannot be opened any more; nobody can make other bytes
  /// of the same hash, and who writes what is hashed has the keys anyway.
  package static func hash(of bytes: [UInt8]) -> [UInt8] { BLAKE2b.hash(bytes, size: hashSize) }

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
}
