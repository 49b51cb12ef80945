import Catalog
import History
import Model
import Sodium

/// The events of the contract (CONTRACT §3), one a line.
extension JSONWriter {
  mutating func event(_ type: String, _ members: (inout JSONWriter) -> Void) {
    object { json in
      json.member("type", type)
      members(&json)
    }
    endLine()
  }

  mutating func conversationUpserted(_ card: ConversationCard) {
    event("conversation.upserted") { json in
      json.member("conversation_id", card.profile.id)
      json.member("kind", card.kind.rawValue)
      json.member("name", card.profile.name)
      json.member("visibility", card.isPublic ? "public" : "private")
      json.member("retention_days", card.retentionDays.map { Int64($0) })
      json.member("sealed", card.clientSealed)
    }
  }

  mutating func conversationClosed(_ id: String, at time: Timestamp) {
    event("conversation.closed") { json in
      json.member("conversation_id", id)
      json.member("at", time.rfc3339)
    }
  }

  mutating func userUpserted(_ profile: SubjectProfile) {
    event("user.upserted") { json in
      json.member("subject_id", profile.id)
      json.member("display_name", profile.displayName)
      json.member("email", profile.email)
    }
  }

  mutating func userDeactivated(_ profile: SubjectProfile) {
    event("user.deactivated") { json in json.member("subject_id", profile.id) }
  }

  mutating func membership(_ member: ExportedMember, conversation: String) {
    event("member.joined") { json in
      json.member("conversation_id", conversation)
      json.member("subject_id", member.profile.id)
      json.member("at", member.row.joinedAt.rfc3339)
      json.member("role", member.row.role)
      json.member("sees_history_from", member.row.visibleFrom.rfc3339)
    }
    guard let left = member.row.leftAt else { return }
    event("member.left") { json in
      json.member("conversation_id", conversation)
      json.member("subject_id", member.profile.id)
      json.member("at", left.rfc3339)
    }
  }

  mutating func messageCreated(_ message: HistoricMessage, sender: String, conversation: String) {
    let payload = message.original
    event("message.created") { json in
      json.member("message_id", payload.messageID)
      json.member("conversation_id", conversation)
      json.member("sender_id", sender)
      json.member("created_at", message.position.createdAt.rfc3339)
      json.body(payload.body)
      json.member("content_type", payload.contentType)
      json.member("reply_to", payload.replyTo)
      json.member("thread_id", payload.threadID)
      json.member("client_msg_id", payload.clientMessageID)
      json.list("mentions", payload.mentions)
      json.attachments(payload.attachments)
      json.tokens(payload.tokens)
    }
  }

  /// An edit, a deletion or a reaction.
  mutating func change(_ change: HistoricChange, by author: String, message: String, conversation: String) {
    switch change.kind {
    case .edit:
      guard let payload = change.payload else { return }
      event("message.edited") { json in
        json.member("message_id", message)
        json.member("conversation_id", conversation)
        json.member("editor_id", author)
        json.member("edited_at", change.at.rfc3339)
        json.member("version", change.version)
        json.body(payload.body)
        json.tokens(payload.tokens)
      }
    case .deletion:
      event("message.deleted") { json in
        json.member("message_id", message)
        json.member("conversation_id", conversation)
        json.member("deleted_by", author)
        json.member("deleted_at", change.at.rfc3339)
      }
    case .reaction:
      // A reaction that was taken back keeps the time of that only.
      event(change.removedAt == nil ? "reaction.added" : "reaction.removed") { json in
        json.member("message_id", message)
        json.member("conversation_id", conversation)
        json.member("subject_id", author)
        json.member("name", change.name)
        json.member("at", (change.removedAt ?? change.at).rfc3339)
      }
    }
  }

  mutating func receipt(_ receipt: ExportedReceipt, conversation: String) {
    event("receipt") { json in
      json.member("conversation_id", conversation)
      json.member("subject_id", receipt.profile.id)
      json.member("state", receipt.row.state == .read ? "read" : "delivered")
      json.member("up_to", receipt.upTo)
      json.member("at", receipt.row.at.rfc3339)
    }
  }

  // MARK: Parts

  private mutating func body(_ body: MessageBody) {
    object("body") { json in
      switch body {
      case .plain(let text): json.member("plain", text)
      case .sealed(let sealed):
        json.member("sealed", sealed.ciphertext.base64())
        json.member("key_id", sealed.keyID)
        guard !sealed.wrappedKeys.isEmpty else { return }
        json.object("wrapped_keys") { json in
          for (device, key) in sealed.wrappedKeys.sorted(by: { $0.key < $1.key }) {
            json.member(device, key.base64())
          }
        }
      }
    }
  }

  private mutating func list(_ name: String, _ values: [String]) {
    guard !values.isEmpty else { return }
    array(name) { json in
      for value in values { json.string(value) }
    }
  }

  private mutating func attachments(_ attachments: [Attachment]) {
    guard !attachments.isEmpty else { return }
    array("attachments") { json in
      for attachment in attachments {
        json.object { json in
          json.member("id", attachment.id)
          json.member("name", attachment.name)
          json.member("mime_type", attachment.mimeType)
          json.member("size", attachment.size)
          json.member("sha256", attachment.sha256)
          json.member("url", attachment.url)
        }
      }
    }
  }

  private mutating func tokens(_ tokens: TokenSet?) {
    guard let tokens else { return }
    object("tokens") { json in
      json.member("mode", tokens.mode == .plain ? "plain" : "blinded")
      json.member("generation", Int64(tokens.generation))
      json.tokenList("set", tokens.set, tokens.mode)
      json.tokenList("sequence", tokens.sequence, tokens.mode)
      json.tokenList("bigrams", tokens.bigrams, tokens.mode)
      json.tokenList("prefixes", tokens.prefixes, tokens.mode)
      json.list("flags", tokens.flags)
    }
  }

  private mutating func tokenList(_ name: String, _ tokens: [[UInt8]], _ mode: TokenSet.Mode) {
    guard !tokens.isEmpty else { return }
    array(name) { json in
      for token in tokens {
        switch mode {
        case .plain: json.string(utf8: token)
        case .blinded: json.string(token.base64(.urlSafe))
        }
      }
    }
  }
}
