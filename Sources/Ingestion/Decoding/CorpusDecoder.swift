package import Model
internal import SimdJSON

/// A message of the `corpus` format: one line says who spoke where, with the names of both.
package struct CorpusMessage: Hashable, Sendable {
  package var messageID: String
  package var conversationID: String
  package var conversationName: String
  package var senderID: String
  package var senderName: String
  package var createdAt: Timestamp
  package var content: String
  package var contentType: String
  package var replyTo: String?
  /// `system:community`.
  package var source: String
}

/// Reads lines of the `corpus` format (CONTRACT §3). Belongs to one thread.
package struct CorpusDecoder {
  private let parser = JSONParser(capacity: EventDecoder.lineLimit)

  package init() {}

  /// All keys are required, but `reply_to` may be null.
  package func decode(_ line: [UInt8]) throws(RejectedInput) -> CorpusMessage {
    try CorpusMessage(EventFields(try parser.object(line)))
  }
}

extension CorpusMessage {
  init(_ fields: EventFields) throws(RejectedInput) {
    self.init(
      messageID: try fields.id("message_id"), conversationID: try fields.id("conversation_id"),
      conversationName: try fields.text("conversation_name"), senderID: try fields.id("sender_id"),
      senderName: try fields.text("sender_name"), createdAt: try fields.time("created_at"),
      content: try fields.text("content"), contentType: try fields.id("content_type"),
      replyTo: try fields.optionalID("reply_to"), source: try fields.text("source"))
  }
}
