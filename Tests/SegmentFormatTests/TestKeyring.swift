import Model
import SegmentFormat
import Sodium

/// Keys of subjects, conversations and one period, from which lanes are derived as the key vault does it.
struct TestKeyring: SegmentKeys {
  var subjects: [SubjectID: SecretBytes] = [:]
  var conversations: [ConversationID: SecretBytes] = [:]
  var period: SecretBytes?

  init(subjects: [SubjectID], conversations: [ConversationID]) {
    for subject in subjects { self.subjects[subject] = SecretBytes(random: 32) }
    for conversation in conversations { self.conversations[conversation] = SecretBytes(random: 32) }
    period = SecretBytes(random: 32)
  }

  func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes? {
    guard let subject = subjects[sender], let conversation = conversations[conversation], let period else {
      return nil
    }
    return BLAKE2b.derive([subject, conversation, period], context: Array("muniment/lane/v1".utf8))
  }

  func conversation(_ conversation: ConversationID) -> SecretBytes? { conversations[conversation] }
}
