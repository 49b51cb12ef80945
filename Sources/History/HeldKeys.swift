package import Model
import SegmentFormat
package import Sodium

/// The keys at hand for a segment; what is missing was destroyed.
package struct HeldKeys: SegmentKeys {
  package struct Lane: Hashable, Sendable {
    let sender: SubjectID
    let conversation: ConversationID

    package init(sender: SubjectID, conversation: ConversationID) {
      self.sender = sender
      self.conversation = conversation
    }
  }

  package let period: SecretBytes?
  package var conversations: [ConversationID: SecretBytes]
  package var lanes: [Lane: SecretBytes]

  package init(period: SecretBytes?, conversations: [ConversationID: SecretBytes], lanes: [Lane: SecretBytes])
  {
    self.period = period
    self.conversations = conversations
    self.lanes = lanes
  }

  package func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes? {
    lanes[Lane(sender: sender, conversation: conversation)]
  }

  package func conversation(_ conversation: ConversationID) -> SecretBytes? { conversations[conversation] }
}
