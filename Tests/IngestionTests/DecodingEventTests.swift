@testable import Ingestion
import Model
import Testing

@Suite("Event decoder")
struct DecodingEventTests {
  let decoder = EventDecoder()

  func refusal(_ line: [UInt8]) -> RejectedInput? {
    do {
      _ = try decoder.decode(line)
      return nil
    } catch { return error }
  }

  @Test("a message arrives whole")
  func message() throws {
    let line = #"""
      {"type":"message.created","v":1,"event_id":"e1","tenant":"acme","message_id":"m1","conversation_id":"c1",
      "sender_id":"u1","created_at":"2024-05-01T18:30:00.5+09:00","body":{"plain":"héllo\n"},
      "content_type":"text/markdown","reply_to":"m0","thread_id":"t","client_msg_id":"x","mentions":["u2"],
      "attachments":[{"id":"a","name":"n","mime_type":"t/u","size":5,"sha256":"00","url":"u"}],
      "tokens":{"mode":"blinded","generation":4294967295,"set":["AAECAwQFBgc"],"flags":["link"]}}
      """#.replacing("\n", with: "")
    let incoming = try decoder.decode(line.bytes)
    #expect(incoming.eventID == "e1")
    #expect(incoming.tenant == "acme")
    let tokens = TokenSet(mode: .blinded, generation: .max, set: [[0, 1, 2, 3, 4, 5, 6, 7]], flags: ["link"])
    let payload = MessagePayload(
      messageID: "m1", body: .plain("héllo\n"), contentType: "text/markdown", replyTo: "m0", threadID: "t",
      clientMessageID: "x", mentions: ["u2"],
      attachments: [Attachment(id: "a", name: "n", mimeType: "t/u", size: 5, sha256: "00", url: "u")],
      tokens: tokens)
    let time = try #require(Timestamp(rfc3339: "2024-05-01T09:30:00.5Z"))
    #expect(
      incoming.event
        == .messageCreated(
          MessageCreated(conversationID: "c1", senderID: "u1", createdAt: time, payload: payload)))
  }

  @Test(
    "every other type arrives as what it is",
    arguments: [
      (
        #"{"type":"message.edited","message_id":"m","conversation_id":"c","editor_id":"u","edited_at":7,"body":{"sealed":"AQI=","key_id":"k","wrapped_keys":{"d":"AA=="}},"version":3}"#,
        Event.messageEdited(
          MessageEdited(
            messageID: "m", conversationID: "c", editorID: "u", editedAt: Timestamp(milliseconds: 7),
            body: .sealed(SealedBody(ciphertext: [1, 2], keyID: "k", wrappedKeys: ["d": [0]])), version: 3,
            tokens: nil))
      ),
      (
        #"{"type":"message.deleted","message_id":"m","conversation_id":"c","deleted_by":"u","deleted_at":7}"#,
        .messageDeleted(
          MessageDeleted(
            messageID: "m", conversationID: "c", deletedBy: "u", deletedAt: Timestamp(milliseconds: 7)))
      ),
      (
        #"{"type":"reaction.added","message_id":"m","conversation_id":"c","subject_id":"u","name":"👍","at":7}"#,
        .reaction(
          Reaction(
            added: true, messageID: "m", conversationID: "c", subjectID: "u", name: "👍",
            at: Timestamp(milliseconds: 7)))
      ),
      (
        #"{"type":"reaction.removed","message_id":"m","conversation_id":"c","subject_id":"u","name":"👍","at":7}"#,
        .reaction(
          Reaction(
            added: false, messageID: "m", conversationID: "c", subjectID: "u", name: "👍",
            at: Timestamp(milliseconds: 7)))
      ),
      (
        #"{"type":"receipt","conversation_id":"c","subject_id":"u","state":"read","up_to":"m","at":7}"#,
        .receipt(
          Receipt(
            conversationID: "c", subjectID: "u", state: .read, upTo: "m", at: Timestamp(milliseconds: 7)))
      ),
      (
        #"{"type":"member.joined","conversation_id":"c","subject_id":"u","at":7,"role":"owner","sees_history_from":0}"#,
        .memberJoined(
          Membership(
            conversationID: "c", subjectID: "u", at: Timestamp(milliseconds: 7), role: "owner",
            seesHistoryFrom: Timestamp(milliseconds: 0)))
      ),
      (
        #"{"type":"member.left","conversation_id":"c","subject_id":"u","at":7}"#,
        .memberLeft(Membership(conversationID: "c", subjectID: "u", at: Timestamp(milliseconds: 7)))
      ),
      (
        #"{"type":"conversation.upserted","conversation_id":"c","kind":"channel","name":"n","visibility":"public","retention_days":36500,"sealed":true}"#,
        .conversationUpserted(
          ConversationUpsert(
            conversationID: "c", kind: .channel, name: "n", isPublic: true, retentionDays: 36_500,
            sealed: true))
      ),
      (
        #"{"type":"conversation.closed","conversation_id":"c","at":7}"#,
        .conversationClosed(conversationID: "c", at: Timestamp(milliseconds: 7))
      ),
      (
        #"{"type":"user.upserted","subject_id":"u","display_name":"n","email":"e"}"#,
        .userUpserted(UserUpsert(subjectID: "u", displayName: "n", email: "e"))
      ),
      (#"{"type":"user.deactivated","subject_id":"u"}"#, .userDeactivated(subjectID: "u", at: nil)),
    ])
  func types(line: String, event: Event) throws {
    #expect(try decoder.decode(line.bytes) == IncomingEvent(event: event))
  }

  @Test(
    "ids are measured in bytes",
    arguments: [
      ("あ", 42, true), ("あ", 43, false), ("a", 128, true), ("a", 129, false), ("\u{a0}", 64, true),
    ])
  func idBytes(character: String, count: Int, taken: Bool) {
    let id = String(repeating: character, count: count)
    let line = #"{"type":"user.upserted","subject_id":"\#(id)"}"#
    #expect((refusal(line.bytes) == nil) == taken)
  }

  @Test(
    "tokens are measured in bytes",
    arguments: [("あ", 21, true), ("あ", 22, false), ("a", 64, true), ("a", 65, false)])
  func tokenBytes(character: String, count: Int, taken: Bool) {
    let word = String(repeating: character, count: count)
    let line = #"{"type":"user.upserted","subject_id":"u","tokens":{"mode":"plain","set":["\#(word)"]}}"#
    #expect((refusal(line.bytes) == nil) == taken)
  }

  @Test(
    "times that do not exist or do not fit are refused",
    arguments: [
      #""2024-02-30T00:00:00Z""#, #""2023-02-29T00:00:00Z""#, "9223372036854775807", "-9223372036854775808",
      "1e3", "1.0",
      #""0000-01-01T00:00:00Z""#, #""2024-05-01T00:00:00+24:00""#, #""9999-12-31T23:59:59-00:01""#,
      #""1714555800""#,
    ])
  func badTimes(time: String) {
    let line = #"{"type":"conversation.closed","conversation_id":"c","at":\#(time)}"#
    let error = refusal(line.bytes)
    #expect(error?.code == .badValue)
    #expect(error?.key == "at")
  }

  @Test(
    "lines that are no JSON object are malformed",
    arguments: [
      "", "nonsense", "[]", "7", #""text""#, "null", #"{"type":"receipt""#, #"{"type":"receipt"}{}"#,
      "{\"type\":\"\u{1}\"}",
      #"{"type":"user.upserted","subject_id":"\ud800"}"#,
    ])
  func malformed(line: String) {
    #expect(refusal(line.bytes)?.code == .malformedJSON)
  }

  @Test("a line at the limit is taken, one past it is oversized")
  func lineLimit() {
    let frame = #"{"type":"user.upserted","subject_id":"u","display_name":""}"#
    let name = String(repeating: "n", count: EventDecoder.lineLimit - frame.utf8.count)
    let line = #"{"type":"user.upserted","subject_id":"u","display_name":"\#(name)"}"#.bytes
    #expect(line.count == EventDecoder.lineLimit)
    #expect(refusal(line) == nil)
    #expect(refusal(line + [0x20])?.code == .oversized)
  }

  @Test("a refusal never quotes the line")
  func silence() {
    let secret = "hunter2"
    let lines = [
      #"{"type":"\#(secret)"}"#, #"{"type":"receipt","state":"\#(secret)"}"#, #"{"\#(secret)":"#,
      #"{"type":"message.created","message_id":"m","conversation_id":"c","sender_id":"u","created_at":"\#(secret)","body":{"plain":""}}"#,
      #"{"type":"message.created","message_id":"m","conversation_id":"c","sender_id":"u","created_at":1,"body":{"sealed":"\#(secret)"}}"#,
      #"{"type":"message.created","message_id":"m","conversation_id":"c","sender_id":"u","created_at":1,"body":{"sealed":"AA==","wrapped_keys":{"\#(secret)":7}}}"#,
      #"{"type":"user.upserted","subject_id":"u","tokens":{"mode":"blinded","set":["\#(secret)"]}}"#,
      #"{"type":"user.upserted","subject_id":"u","tokens":{"mode":"\#(secret)"}}"#,
    ]
    for line in lines {
      let error = refusal(line.bytes)
      #expect(error != nil)
      #expect(error?.description.contains(secret) == false)
    }
  }
}
