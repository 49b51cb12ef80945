package import Model
internal import SimdJSON

/// Turns a line of NDJSON into an event of the contract (CONTRACT §3), or says why it cannot. Keeps a
/// parser's memory between lines, so it belongs to one thread.
package struct EventDecoder {
  /// A line may be this long, its line end not counted.
  package static let lineLimit = 1 << 20

  private let parser = JSONParser(capacity: lineLimit)
  private let mapping: EventMapping?

  /// With a mapping, lines are objects of the mapping's shape instead of the contract's.
  package init(mapping: EventMapping? = nil) { self.mapping = mapping }

  package func decode(_ line: [UInt8]) throws(RejectedInput) -> IncomingEvent {
    try IncomingEvent(EventFields(try parser.object(line), mapping: mapping))
  }
}

extension IncomingEvent {
  init(_ fields: EventFields) throws(RejectedInput) {
    if let version = try fields.optionalInteger("v", in: 0...Int64.max), version != 1 {
      throw fields.rejected(.unsupportedVersion, "v", "must be 1")
    }
    let name = try fields.text("type")
    guard let type = EventType(rawValue: name) else {
      throw fields.rejected(.unknownType, "type", "no event type of this version")
    }
    self.init(
      event: try fields.event(type), eventID: try fields.optionalID("event_id"),
      tenant: try fields.optionalID("tenant"))
  }
}

extension JSONParser {
  /// The object a line holds.
  func object(_ line: [UInt8]) throws(RejectedInput) -> JSONValue {
    let value: JSONValue
    do {
      value = try parse(line)
    } catch {
      guard error.code != .tooLarge else { throw .oversized(limit: EventDecoder.lineLimit) }
      throw RejectedInput(.malformedJSON, detail: error.description)
    }
    guard value.kind == .object else { throw RejectedInput(.malformedJSON, detail: "not a JSON object") }
    return value
  }
}

extension EventFields {
  func event(_ type: EventType) throws(RejectedInput) -> Event {
    switch type {
    case .messageCreated: .messageCreated(try messageCreated())
    case .messageEdited: .messageEdited(try messageEdited())
    case .messageDeleted: .messageDeleted(try messageDeleted())
    case .reactionAdded: .reaction(try reaction(added: true))
    case .reactionRemoved: .reaction(try reaction(added: false))
    case .receipt: .receipt(try receipt())
    case .memberJoined: .memberJoined(try membership())
    case .memberLeft: .memberLeft(try membership())
    case .conversationUpserted: .conversationUpserted(try conversation())
    case .conversationClosed:
      .conversationClosed(conversationID: try id("conversation_id"), at: try time("at"))
    case .userUpserted: .userUpserted(try user())
    case .userDeactivated: .userDeactivated(subjectID: try user().subjectID, at: try optionalTime("at"))
    }
  }

  private func messageCreated() throws(RejectedInput) -> MessageCreated {
    let payload = MessagePayload(
      messageID: try id("message_id"), body: try body(),
      contentType: try optionalID("content_type") ?? "text/plain", replyTo: try optionalID("reply_to"),
      threadID: try optionalID("thread_id"), clientMessageID: try optionalID("client_msg_id"),
      mentions: try ids("mentions"), attachments: try attachments(), tokens: try tokens())
    return MessageCreated(
      conversationID: try id("conversation_id"), senderID: try id("sender_id"),
      createdAt: try time("created_at"), payload: payload)
  }

  private func messageEdited() throws(RejectedInput) -> MessageEdited {
    MessageEdited(
      messageID: try id("message_id"), conversationID: try id("conversation_id"),
      editorID: try id("editor_id"), editedAt: try time("edited_at"), body: try body(),
      version: try optionalInteger("version", in: 0...Int64.max), tokens: try tokens())
  }

  private func messageDeleted() throws(RejectedInput) -> MessageDeleted {
    MessageDeleted(
      messageID: try id("message_id"), conversationID: try id("conversation_id"),
      deletedBy: try id("deleted_by"), deletedAt: try time("deleted_at"))
  }

  private func reaction(added: Bool) throws(RejectedInput) -> Reaction {
    Reaction(
      added: added, messageID: try id("message_id"), conversationID: try id("conversation_id"),
      subjectID: try id("subject_id"), name: try id("name"), at: try time("at"))
  }

  private func receipt() throws(RejectedInput) -> Receipt {
    Receipt(
      conversationID: try id("conversation_id"), subjectID: try id("subject_id"),
      state: try word("state", Receipt.State.self), upTo: try id("up_to"), at: try time("at"))
  }

  private func membership() throws(RejectedInput) -> Membership {
    Membership(
      conversationID: try id("conversation_id"), subjectID: try id("subject_id"), at: try time("at"),
      role: try optionalID("role"), seesHistoryFrom: try optionalTime("sees_history_from"))
  }

  private func conversation() throws(RejectedInput) -> ConversationUpsert {
    ConversationUpsert(
      conversationID: try id("conversation_id"), kind: try word("kind", ConversationUpsert.Kind.self),
      name: try optionalText("name"), isPublic: try optionalWord("visibility", Visibility.self) == .public,
      retentionDays: try optionalInteger("retention_days", in: 1...36_500).map(Int32.init),
      sealed: try optionalBool("sealed") ?? false, at: try optionalTime("at"))
  }

  private func user() throws(RejectedInput) -> UserUpsert {
    _ = try optionalTime("at")
    let tokens = try tokens()
    let count = tokens.map { $0.set.count + $0.sequence.count + $0.prefixes.count } ?? 0
    guard count <= UserUpsert.tokensMax else {
      throw rejected(.badValue, "tokens", "a name has at most \(UserUpsert.tokensMax) tokens")
    }
    return UserUpsert(
      subjectID: try id("subject_id"), displayName: try optionalText("display_name"),
      email: try optionalText("email"), tokens: tokens)
  }
}

private enum Visibility: String { case `private`, `public` }
