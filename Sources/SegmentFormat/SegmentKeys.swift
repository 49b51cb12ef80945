package import Model
package import Sodium

/// The keys of one segment; `nil` where one is destroyed.
package protocol SegmentKeys {
  func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes?
  func conversation(_ conversation: ConversationID) -> SecretBytes?
  var period: SecretBytes? { get }
}

extension SegmentKeys {
  /// Seals who speaks when in a conversation: gone with the conversation's or the period's key.
  func order(_ conversation: ConversationID) throws(SegmentError) -> SecretBytes {
    guard let period else { throw SegmentError(.keyDestroyed, "the period") }
    guard let key = self.conversation(conversation) else {
      throw SegmentError(.keyDestroyed, "the conversation")
    }
    return BLAKE2b.derive([key, period], context: Array("muniment/segment/order/v1".utf8))
  }

  func footer(_ identity: SegmentIdentity) throws(SegmentError) -> SecretBytes {
    guard let period else { throw SegmentError(.keyDestroyed, "the period") }
    return BLAKE2b.derive([period], context: Array("muniment/segment/footer/v1".utf8) + identity.id)
  }
}
