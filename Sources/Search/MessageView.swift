package import History
import Model
import Sodium

/// A message as CLI and HTTP show it; one shape for both.
package struct MessageView: Encodable, Sendable, Hashable {
  package struct Body: Encodable, Sendable, Hashable {
    package var plain: String?
    package var sealed: String?
    package var keyID: String?
    package var wrappedKeys: [String: String]?

    enum CodingKeys: String, CodingKey {
      case plain, sealed
      case keyID = "key_id"
      case wrappedKeys = "wrapped_keys"
    }
  }
  package struct Reaction: Encodable, Sendable, Hashable {
    package var name: String
    package var subjectID: String

    enum CodingKeys: String, CodingKey {
      case name
      case subjectID = "subject_id"
    }
  }
  package struct File: Encodable, Sendable, Hashable {
    package var id: String
    package var name: String?
    package var mimeType: String?
    package var size: Int64?
    package var sha256: String?
    package var url: String?

    enum CodingKeys: String, CodingKey {
      case id, name, size, sha256, url
      case mimeType = "mime_type"
    }
  }

  package var messageID: String
  package var conversationID: String
  /// Missing where the author cannot be named any more.
  package var senderID: String?
  package var senderName: String?
  package var createdAt: String
  package var tier: String?
  /// Of a search by relevance.
  package var score: Double?
  package var contentType: String?
  package var body: Body?
  package var edited: String?
  package var replyTo: String?
  package var threadID: String?
  package var mentions: [String]?
  package var attachments: [File]?
  package var reactions: [Reaction]?

  enum CodingKeys: String, CodingKey {
    case tier, score, body, edited, mentions, attachments, reactions
    case messageID = "message_id"
    case conversationID = "conversation_id"
    case senderID = "sender_id"
    case senderName = "sender_name"
    case createdAt = "created_at"
    case contentType = "content_type"
    case replyTo = "reply_to"
    case threadID = "thread_id"
  }
}

/// Names the people and conversations of messages for display.
package struct MessagePresenter: Sendable {
  let directory: Directory

  package init(directory: Directory) { self.directory = directory }

  package func views(_ messages: [HistoricMessage], withTier: Bool = false, withBodies: Bool = true)
    async throws
    -> [MessageView]
  {
    let people = Set(messages.map(\.sender) + messages.flatMap { $0.reactions.map(\.author) })
    let profiles = try await directory.profiles(people)
    let cards = try await directory.cards(Set(messages.map(\.conversation)))
    return messages.compactMap { message in
      guard let card = cards[message.conversation] else { return nil }
      let payload = message.payload
      let author = profiles[message.sender]
      var view = MessageView(
        messageID: payload.messageID, conversationID: card.profile.id, senderID: author?.id,
        senderName: author?.displayName, createdAt: message.position.createdAt.rfc3339)
      view.tier = withTier ? message.tier.rawValue : nil
      view.contentType = payload.contentType
      view.body = withBodies ? MessageView.Body(payload.body) : nil
      view.edited = message.newestEdit?.at.rfc3339
      view.replyTo = payload.replyTo
      view.threadID = payload.threadID
      view.mentions = payload.mentions.isEmpty ? nil : payload.mentions
      view.attachments = payload.attachments.isEmpty ? nil : payload.attachments.map(MessageView.File.init)
      let reactions = message.reactions.compactMap { reaction in
        profiles[reaction.author].map { MessageView.Reaction(name: reaction.name ?? "", subjectID: $0.id) }
      }
      view.reactions = reactions.isEmpty ? nil : reactions
      return view
    }
  }
}

extension MessageView.Body {
  init(_ body: MessageBody) {
    switch body {
    case .plain(let text): self.init(plain: text)
    case .sealed(let sealed):
      self.init(
        sealed: sealed.ciphertext.base64(), keyID: sealed.keyID,
        wrappedKeys: sealed.wrappedKeys.isEmpty ? nil : sealed.wrappedKeys.mapValues { $0.base64() })
    }
  }
}

extension MessageView.File {
  init(_ attachment: Attachment) {
    self.init(
      id: attachment.id, name: attachment.name, mimeType: attachment.mimeType, size: attachment.size,
      sha256: attachment.sha256, url: attachment.url)
  }
}
