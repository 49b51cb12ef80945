import Model
import Sodium

extension Event {
  /// Whose act the event is, or whom it is about.
  var subjectID: String? {
    switch self {
    case .messageCreated(let message): message.senderID
    case .messageEdited(let edit): edit.editorID
    case .messageDeleted(let deletion): deletion.deletedBy
    case .reaction(let reaction): reaction.subjectID
    case .receipt(let receipt): receipt.subjectID
    case .memberJoined(let member), .memberLeft(let member): member.subjectID
    case .userUpserted(let user): user.subjectID
    case .userDeactivated(let id, _): id
    case .conversationUpserted, .conversationClosed: nil
    }
  }

  /// Whether it says what a person or a conversation is like from now on.
  var isDescription: Bool {
    switch self {
    case .userUpserted, .conversationUpserted: true
    default: false
    }
  }

  var conversationID: String? {
    switch self {
    case .messageCreated(let message): message.conversationID
    case .messageEdited(let edit): edit.conversationID
    case .messageDeleted(let deletion): deletion.conversationID
    case .reaction(let reaction): reaction.conversationID
    case .receipt(let receipt): receipt.conversationID
    case .memberJoined(let member), .memberLeft(let member): member.conversationID
    case .conversationUpserted(let conversation): conversation.conversationID
    case .conversationClosed(let id, _): id
    case .userUpserted, .userDeactivated: nil
    }
  }

  var messageID: String? {
    switch self {
    case .messageCreated(let message): message.payload.messageID
    case .messageEdited(let edit): edit.messageID
    case .messageDeleted(let deletion): deletion.messageID
    case .reaction(let reaction): reaction.messageID
    case .receipt(let receipt): receipt.upTo
    default: nil
    }
  }

  /// The time whose period seals what the event stores; `nil` for events without a sealed part.
  var laneTime: Timestamp? {
    switch self {
    case .messageCreated(let message): message.createdAt
    case .messageEdited(let edit): edit.editedAt
    case .messageDeleted(let deletion): deletion.deletedAt
    case .reaction(let reaction): reaction.at
    default: nil
    }
  }

  var reactionName: String? {
    if case .reaction(let reaction) = self { return reaction.name }
    return nil
  }

  /// What makes a second message of the same id the same message: where, who, when and what it says.
  var digestText: String? {
    guard case .messageCreated(let message) = self else { return nil }
    let body =
      switch message.payload.body {
      case .plain(let text): "p" + text
      case .sealed(let sealed): "s" + sealed.ciphertext.base64()
      }
    return [message.conversationID, message.senderID, String(message.createdAt.microseconds), body]
      .joined(separator: "\u{0}")
  }
}
