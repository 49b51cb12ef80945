import Model
import Sodium

/// What a sealed part is bound to besides its segment, so that no part passes for another.
///
/// A part's nonce is a hash of its place, and not stored: a place is sealed once in a segment, and a segment's id,
/// which is in every place, is random and used once.
enum SegmentPlace {
  /// With the block's first position, which lanes are told from and which may come from a catalogue.
  case table(ordinal: Int32, conversation: ConversationID, first: MessagePosition)
  case lane(ordinal: Int32, lane: Int, conversation: ConversationID, sender: SubjectID)
  case footer(offset: Int64)

  /// Bytes that sealing adds.
  static let overhead = AEAD.tagSize

  func seal(_ plain: [UInt8], key: SecretBytes, _ identity: SegmentIdentity) -> [UInt8] {
    let additional = additional(identity)
    return AEAD.sealAlone(plain, key: key, nonce: Self.nonce(additional), additional: additional)
  }

  func open(_ sealed: [UInt8], key: SecretBytes, _ identity: SegmentIdentity) throws(CryptographyError)
    -> [UInt8]
  {
    let additional = additional(identity)
    return try AEAD.openAlone(sealed, key: key, nonce: Self.nonce(additional), additional: additional)
  }

  private static let nonceContext = Array("muniment/segment/nonce/v1".utf8)

  private static func nonce(_ additional: [UInt8]) -> [UInt8] {
    BLAKE2b.hash(nonceContext + additional, size: AEAD.nonceSize)
  }

  private func additional(_ identity: SegmentIdentity) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 128)
    writer.raw(identity.header)
    switch self {
    case .table(let ordinal, let conversation, let first):
      writer.raw("table".utf8)
      writer.fixed(ordinal)
      writer.fixed(conversation.rawValue)
      writer.fixed(first.createdAt.microseconds)
      writer.fixed(first.sequence)
    case .lane(let ordinal, let lane, let conversation, let sender):
      writer.raw("lane".utf8)
      writer.fixed(ordinal)
      writer.fixed(Int32(lane))
      writer.fixed(conversation.rawValue)
      writer.fixed(sender.rawValue)
    case .footer(let offset):
      writer.raw("footer".utf8)
      writer.fixed(offset)
    }
    return writer.bytes
  }
}
