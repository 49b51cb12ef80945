/// One event of the contract (CONTRACT §3), decoded and valid on its own. Ids are the platform's.
package enum Event: Hashable, Sendable {
  case messageCreated(MessageCreated)
  case messageEdited(MessageEdited)
  case messageDeleted(MessageDeleted)
  case reaction(Reaction)
  case receipt(Receipt)
  case memberJoined(Membership)
  case memberLeft(Membership)
  case conversationUpserted(ConversationUpsert)
  case conversationClosed(conversationID: String, at: Timestamp)
  case userUpserted(UserUpsert)
  case userDeactivated(subjectID: String, at: Timestamp?)
}

package struct MessageCreated: Hashable, Sendable {
  package var conversationID: String
  package var senderID: String
  package var createdAt: Timestamp
  package var payload: MessagePayload

  package init(conversationID: String, senderID: String, createdAt: Timestamp, payload: MessagePayload) {
    self.conversationID = conversationID
    self.senderID = senderID
    self.createdAt = createdAt
    self.payload = payload
  }
}

package struct MessageEdited: Hashable, Sendable {
  package var messageID: String
  package var conversationID: String
  package var editorID: String
  package var editedAt: Timestamp
  package var body: MessageBody
  package var version: Int64?
  package var tokens: TokenSet?

  package init(
    messageID: String, conversationID: String, editorID: String, editedAt: Timestamp, body: MessageBody,
    version: Int64?, tokens: TokenSet?
  ) {
    self.messageID = messageID
    self.conversationID = conversationID
    self.editorID = editorID
    self.editedAt = editedAt
    self.body = body
    self.version = version
    self.tokens = tokens
  }
}

package struct MessageDeleted: Hashable, Sendable {
  package var messageID: String
  package var conversationID: String
  package var deletedBy: String
  package var deletedAt: Timestamp

  package init(messageID: String, conversationID: String, deletedBy: String, deletedAt: Timestamp) {
    self.messageID = messageID
    self.conversationID = conversationID
    self.deletedBy = deletedBy
    self.deletedAt = deletedAt
  }
}

package struct Reaction: Hashable, Sendable {
  package var added: Bool
  package var messageID: String
  package var conversationID: String
  package var subjectID: String
  package var name: String
  package var at: Timestamp

  package init(
    added: Bool, messageID: String, conversationID: String, subjectID: String, name: String, at: Timestamp
  ) {
    self.added = added
    self.messageID = messageID
    self.conversationID = conversationID
    self.subjectID = subjectID
    self.name = name
    self.at = at
  }
}

package struct Receipt: Hashable, Sendable {
  package enum State: String, Sendable { case delivered, read }
  package var conversationID: String
  package var subjectID: String
  package var state: State
  package var upTo: String
  package var at: Timestamp

  package init(conversationID: String, subjectID: String, state: State, upTo: String, at: Timestamp) {
    self.conversationID = conversationID
    self.subjectID = subjectID
    self.state = state
    self.upTo = upTo
    self.at = at
  }
}

package struct Membership: Hashable, Sendable {
  package var conversationID: String
  package var subjectID: String
  package var at: Timestamp
  package var role: String?
  package var seesHistoryFrom: Timestamp?

  package init(
    conversationID: String, subjectID: String, at: Timestamp, role: String? = nil,
    seesHistoryFrom: Timestamp? = nil
  ) {
    self.conversationID = conversationID
    self.subjectID = subjectID
    self.at = at
    self.role = role
    self.seesHistoryFrom = seesHistoryFrom
  }
}

package struct ConversationUpsert: Hashable, Sendable {
  package enum Kind: String, Sendable { case direct, group, channel }
  package var conversationID: String
  package var kind: Kind
  package var name: String?
  package var isPublic: Bool
  package var retentionDays: Int32?
  package var sealed: Bool
  /// From when on it is so; `nil`: from when this is heard.
  package var at: Timestamp?

  package init(
    conversationID: String, kind: Kind, name: String? = nil, isPublic: Bool = false,
    retentionDays: Int32? = nil, sealed: Bool = false, at: Timestamp? = nil
  ) {
    self.conversationID = conversationID
    self.kind = kind
    self.name = name
    self.isPublic = isPublic
    self.retentionDays = retentionDays
    self.sealed = sealed
    self.at = at
  }

  /// Whether what was known is of a later time.
  package func isOutdated(by known: Timestamp?) -> Bool {
    guard let at, let known else { return false }
    return at < known
  }
}

package struct UserUpsert: Hashable, Sendable {
  package var subjectID: String
  package var displayName: String?
  package var email: String?
  /// What the person is found by in the directory; `nil`: nothing was said of that.
  package var tokens: TokenSet?

  package init(
    subjectID: String, displayName: String? = nil, email: String? = nil, tokens: TokenSet? = nil
  ) {
    self.subjectID = subjectID
    self.displayName = displayName
    self.email = email
    self.tokens = tokens
  }

  /// Tokens a name may come with, all lists together.
  package static let tokensMax = 512
}

/// A decoded line: the event, and the ids the platform gave to the line itself.
package struct IncomingEvent: Hashable, Sendable {
  package var event: Event
  package var eventID: String?
  package var tenant: String?

  package init(event: Event, eventID: String? = nil, tenant: String? = nil) {
    self.event = event
    self.eventID = eventID
    self.tenant = tenant
  }
}
