@testable import Ingestion
import Model
import Testing

@Suite("Corpus and mappings")
struct DecodingFormatTests {
  static let corpusLine = #"""
    {"message_id":"m1","conversation_id":"c1","conversation_name":"#general","sender_id":"u1","sender_name":"Ann","created_at":"2020-04-08T07:19:05.000200Z","content":"hi","content_type":"text/plain","reply_to":null,"source":"slack:x"}
    """#

  @Test("a corpus message arrives whole")
  func corpus() throws {
    let message = try CorpusDecoder().decode(Self.corpusLine.bytes)
    let expected = CorpusMessage(
      messageID: "m1", conversationID: "c1", conversationName: "#general", senderID: "u1", senderName: "Ann",
      createdAt: try #require(Timestamp(rfc3339: "2020-04-08T07:19:05.0002Z")), content: "hi",
      contentType: "text/plain", replyTo: nil, source: "slack:x")
    #expect(message == expected)
    let reply = Self.corpusLine.replacing("null", with: "\"m0\"")
    #expect(try CorpusDecoder().decode(reply.bytes).replyTo == "m0")
  }

  @Test(
    "each key of a corpus message but reply_to is required",
    arguments: [
      "message_id", "conversation_id", "conversation_name", "sender_id", "sender_name", "created_at",
      "content",
      "content_type", "source",
    ])
  func corpusKeys(key: String) {
    let line = Self.corpusLine.replacing("\"\(key)\":", with: "\"other\":")
    #expect(throws: RejectedInput(.missingKey, key: key, detail: "required")) {
      try CorpusDecoder().decode(line.bytes)
    }
  }

  @Test(
    "one line tells the format",
    arguments: [
      (corpusLine, LineFormat.corpus), (#"{"type":"receipt"}"#, .events),
      (#"{"type":"unheard.of"}"#, .events),
      (#"{"content":"x","id":1}"#, nil), ("[]", nil), ("no json", nil), ("", nil),
    ] as [(String, LineFormat?)])
  func detection(line: String, format: LineFormat?) {
    #expect(LineFormat(detecting: line.bytes) == format)
  }

  @Test("mixed lines are decoded each as what it is")
  func mixed() throws {
    let decoder = LineDecoder()
    #expect(
      try decoder.decode(Self.corpusLine.bytes) == .corpus(CorpusDecoder().decode(Self.corpusLine.bytes)))
    let event = #"{"type":"user.deactivated","subject_id":"u","content":"x"}"#.bytes
    #expect(try decoder.decode(event) == .event(EventDecoder().decode(event)))
    #expect(throws: RejectedInput(.missingKey, key: "type", detail: "required")) {
      try decoder.decode("{}".bytes)
    }
    #expect(throws: RejectedInput.self) { try decoder.decode("[]".bytes) }
  }

  @Test(
    "shipped mappings read the shapes they are for",
    arguments: [
      (
        "snake-case",
        #"{"message_id":"m","conversation_id":"c","sender_id":"u","content":"hi","content_type":"text","created_at":1500}"#,
        nil
      ),
      (
        "chat-id",
        #"{"id":"m","chatId":"c","senderId":"u","content":"hi","type":"TEXT","timestamp":1500,"extra":1}"#,
        nil
      ),
      (
        "message-id",
        #"{"messageId":"m","chatId":"c","senderId":"u","content":"hi","messageType":"text","replyToId":"p","timestamp":"1970-01-01T00:00:01.5Z"}"#,
        "p"
      ),
      (
        "message-id",
        #"{"messageId":"m","chatId":"c","senderId":"u","content":"hi","replyToId":null,"timestamp":1500}"#,
        nil
      ),
    ] as [(String, String, String?)])
  func shipped(name: String, line: String, replyTo: String?) throws {
    let mapping = try EventMapping(json: Schemas.bytes("mappings/\(name).json"))
    #expect(mapping.name == name)
    let payload = MessagePayload(messageID: "m", body: .plain("hi"), replyTo: replyTo)
    let expected = MessageCreated(
      conversationID: "c", senderID: "u", createdAt: Timestamp(milliseconds: 1_500), payload: payload)
    #expect(try EventDecoder(mapping: mapping).decode(line.bytes).event == .messageCreated(expected))
  }

  @Test("all shipped mappings load")
  func allLoad() throws {
    let names = try Schemas.names(in: "mappings", suffix: ".json").filter { $0 != "mapping.schema.json" }
    #expect(names.count == 3)
    for name in names { _ = try EventMapping(json: Schemas.bytes("mappings/" + name)) }
  }

  @Test("paths, numbers as ids, units, words that choose the type")
  func richMapping() throws {
    let mapping = try EventMapping(
      json: #"""
        {"name":"rich","keys":{"type":{"from":"op.kind","values":{"new":"message.created","gone":"message.deleted"}},
         "message_id":"id","conversation_id":"room.id","sender_id":"by","deleted_by":"by","tenant":{"constant":"acme"},
         "created_at":{"from":"ts","unit":"seconds"},"deleted_at":{"from":"ts","unit":"microseconds"},
         "body.sealed":"cipher","body.key_id":"key"}}
        """#.bytes)
    let decoder = EventDecoder(mapping: mapping)
    let created = try decoder.decode(
      #"{"op":{"kind":"new"},"id":17,"room":{"id":"c"},"by":9,"ts":2,"cipher":"AA==","key":"k"}"#.bytes)
    #expect(created.tenant == "acme")
    let payload = MessagePayload(messageID: "17", body: .sealed(SealedBody(ciphertext: [0], keyID: "k")))
    #expect(
      created.event
        == .messageCreated(
          MessageCreated(
            conversationID: "c", senderID: "9", createdAt: Timestamp(seconds: 2), payload: payload)))
    let deleted = try decoder.decode(#"{"op":{"kind":"gone"},"id":17,"room":{"id":"c"},"by":9,"ts":2}"#.bytes)
    let deletion = MessageDeleted(
      messageID: "17", conversationID: "c", deletedBy: "9", deletedAt: Timestamp(microseconds: 2))
    #expect(deleted.event == .messageDeleted(deletion))
  }

  @Test(
    "a mapped line that lacks something is refused by the contract's key",
    arguments: [
      (
        #"{"chatId":"c","senderId":"u","content":"hi","timestamp":1}"#, RejectedInput.Code.missingKey,
        "message_id"
      ),
      (#"{"id":"m","chatId":"c","senderId":"u","timestamp":1}"#, .missingKey, "body"),
      (#"{"id":"m","chatId":"c","senderId":"u","content":{},"timestamp":1}"#, .badValue, "body.plain"),
      (#"{"id":[],"chatId":"c","senderId":"u","content":"x","timestamp":1}"#, .badValue, "message_id"),
      (#"{"id":"m","chatId":"c","senderId":"u","content":"x","timestamp":"soon"}"#, .badValue, "created_at"),
    ])
  func mappedRefusals(line: String, code: RejectedInput.Code, key: String) throws {
    let decoder = EventDecoder(mapping: try EventMapping(json: Schemas.bytes("mappings/chat-id.json")))
    do {
      _ = try decoder.decode(line.bytes)
      Issue.record("was taken")
    } catch {
      #expect(error.code == code)
      #expect(error.key == key)
    }
  }

  @Test(
    "a mapping that cannot work is refused when it is read",
    arguments: [
      "", "[]", "{}", #"{"name":"x"}"#, #"{"name":"x","keys":{}}"#,
      #"{"name":"","keys":{"type":{"constant":"receipt"}}}"#,
      #"{"name":"x","keys":{"type":{"constant":"message.sent"}}}"#,
      #"{"name":"x","keys":{"type":{"constant":"receipt"}}}"#,
      #"{"name":"x","keys":{"type":"t","sender":"s"}}"#, #"{"name":"x","keys":{"type":"a..b"}}"#,
      #"{"name":"x","keys":{"type":""}}"#,
      #"{"name":"x","keys":{"type":{"from":"t","unit":"days"}}}"#,
      #"{"name":"x","keys":{"type":{"form":"t"}}}"#,
      #"{"name":"x","keys":{"type":{"from":"t","constant":"receipt"}}}"#,
      #"{"name":"x","keys":{"type":{"from":"t","values":{"a":1}}}}"#,
    ])
  func badMappings(json: String) {
    #expect(throws: InvalidMapping.self) { try EventMapping(json: json.bytes) }
  }
}
