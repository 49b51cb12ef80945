/// A message as hot rows and cold segments hold it, its payload opened.
package struct StoredMessage: Hashable, Sendable {
  package let key: MessageKey
  package let position: MessagePosition
  package let conversation: ConversationID
  package let sender: SubjectID
  /// Encoded ``MessagePayload``.
  package let payload: [UInt8]

  package init(
    key: MessageKey, position: MessagePosition, conversation: ConversationID, sender: SubjectID,
    payload: [UInt8]
  ) {
    self.key = key
    self.position = position
    self.conversation = conversation
    self.sender = sender
    self.payload = payload
  }
}
