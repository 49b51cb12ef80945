package import KeyVault
package import Model
import SegmentFormat
package import Sodium
package import Zstd

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

  private let hasher: TenantHasher
  private let dictionary: ZstdDictionary?

  /// - Parameter dictionary: the one the segment names.
  package init(
    period: SecretBytes?, conversations: [ConversationID: SecretBytes], lanes: [Lane: SecretBytes],
    hasher: TenantHasher, dictionary: ZstdDictionary?
  ) {
    self.hasher = hasher
    self.dictionary = dictionary
    self.period = period
    self.conversations = conversations
    self.lanes = lanes
  }

  package func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes? {
    lanes[Lane(sender: sender, conversation: conversation)]
  }

  package func conversation(_ conversation: ConversationID) -> SecretBytes? { conversations[conversation] }

  package func messageKey(_ id: ArraySlice<UInt8>) -> MessageKey? { hasher.messageKey(id) }

  package func dictionary(_ id: [UInt8]) -> ZstdDictionary? { dictionary }
}
