import Model
import SegmentFormat
import Sodium
import Zstd

/// Keys of subjects, conversations and one period, from which lanes are derived as the key vault does it.
struct TestKeyring: SegmentKeys {
  var subjects: [SubjectID: SecretBytes] = [:]
  var conversations: [ConversationID: SecretBytes] = [:]
  var period: SecretBytes?
  /// Of the tenant's hash; lanes keep message keys without it.
  var hash: SecretBytes?
  var dictionary: ZstdDictionary?

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

  func dictionary(_ id: [UInt8]) -> ZstdDictionary? { dictionary }

  /// As the key vault does it.
  func messageKey(_ id: ArraySlice<UInt8>) -> MessageKey? {
    guard let hash else { return nil }
    let bytes = BLAKE2b.hash(Array("message\0".utf8) + id, key: hash, size: 16)
    func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
      Int64(bitPattern: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
    return MessageKey(high: number(bytes[..<8]), low: number(bytes[8...]))
  }
}
