/// The event types of the contract and the keys each cannot do without.
enum EventType: String, CaseIterable, Sendable {
  case messageCreated = "message.created"
  case messageEdited = "message.edited"
  case messageDeleted = "message.deleted"
  case reactionAdded = "reaction.added"
  case reactionRemoved = "reaction.removed"
  case receipt
  case memberJoined = "member.joined"
  case memberLeft = "member.left"
  case conversationUpserted = "conversation.upserted"
  case conversationClosed = "conversation.closed"
  case userUpserted = "user.upserted"
  case userDeactivated = "user.deactivated"

  var requiredKeys: [String] {
    switch self {
    case .messageCreated: ["message_id", "conversation_id", "sender_id", "created_at", "body"]
    case .messageEdited: ["message_id", "conversation_id", "editor_id", "edited_at", "body"]
    case .messageDeleted: ["message_id", "conversation_id", "deleted_by", "deleted_at"]
    case .reactionAdded, .reactionRemoved: ["message_id", "conversation_id", "subject_id", "name", "at"]
    case .receipt: ["conversation_id", "subject_id", "state", "up_to", "at"]
    case .memberJoined, .memberLeft: ["conversation_id", "subject_id", "at"]
    case .conversationUpserted: ["conversation_id", "kind"]
    case .conversationClosed: ["conversation_id", "at"]
    case .userUpserted, .userDeactivated: ["subject_id"]
    }
  }

  var optionalKeys: [String] {
    switch self {
    case .messageCreated:
      ["content_type", "tokens", "reply_to", "thread_id", "attachments", "mentions", "client_msg_id"]
    case .messageEdited: ["version", "tokens"]
    case .messageDeleted, .reactionAdded, .reactionRemoved, .receipt, .conversationClosed: []
    case .memberJoined, .memberLeft: ["role", "sees_history_from"]
    case .conversationUpserted: ["name", "visibility", "retention_days", "sealed", "at"]
    case .userUpserted, .userDeactivated: ["display_name", "email", "tokens", "at"]
    }
  }

  /// Keys that every type may have.
  static let commonKeys = ["type", "v", "tenant", "event_id"]
}
