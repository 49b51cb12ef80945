import Foundation
package import History
import Model

/// A deletion as clients are told: ids and times, neither who wrote it nor why it went.
package struct DeletionLine: Encodable, Sendable {
  package let type = "message.removed"
  package let sequence: Int64
  package let tenant: String
  package let conversationID: String
  package let messageID: String?
  package let createdAt: String
  package let removedAt: String

  package init(_ notice: DeletionNotice, tenant: String) {
    sequence = notice.sequence
    self.tenant = tenant
    conversationID = notice.conversation
    messageID = notice.message
    createdAt = notice.createdAt.rfc3339
    removedAt = notice.deletedAt.rfc3339
  }

  enum CodingKeys: String, CodingKey {
    case type, sequence, tenant
    case conversationID = "conversation_id"
    case messageID = "message_id"
    case createdAt = "created_at"
    case removedAt = "removed_at"
  }

  package var bytes: [UInt8] { Reply.bytes(of: self) }
}
