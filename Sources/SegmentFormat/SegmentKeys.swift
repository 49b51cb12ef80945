package import Model
package import Sodium
package import Zstd

/// The keys of one segment, `nil` where one is destroyed, and what else its lanes need to be read.
package protocol SegmentKeys {
  func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes?
  func conversation(_ conversation: ConversationID) -> SecretBytes?
  var period: SecretBytes? { get }
  /// What the tenant's hash makes of a message id, in UTF-8; `nil` without the hash.
  func messageKey(_ id: ArraySlice<UInt8>) -> MessageKey?
  /// The tenant's dictionary of that id, if it is at hand.
  func dictionary(_ id: [UInt8]) -> ZstdDictionary?
}

extension SegmentKeys {
  /// Without the tenant's hash a writer keeps every message's key.
  package func messageKey(_ id: ArraySlice<UInt8>) -> MessageKey? { nil }

  package func dictionary(_ id: [UInt8]) -> ZstdDictionary? { nil }

  /// Seals who speaks in a conversation and how much: gone with the conversation's or the period's key.
  func table(_ conversation: ConversationID) throws(SegmentError) -> SecretBytes {
    guard let period else { throw SegmentError(.keyDestroyed, "the period") }
    guard let key = self.conversation(conversation) else {
      throw SegmentError(.keyDestroyed, "the conversation")
    }
    return BLAKE2b.derive([key, period], context: Array("muniment/segment/table/v1".utf8))
  }

  func footer(_ identity: SegmentIdentity) throws(SegmentError) -> SecretBytes {
    guard let period else { throw SegmentError(.keyDestroyed, "the period") }
    return BLAKE2b.derive([period], context: Array("muniment/segment/footer/v1".utf8) + identity.id)
  }
}
