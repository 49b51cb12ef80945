import Catalog
import Foundation
import Model
import Sodium
import Testing

@testable import Exporting
@testable import History

@Suite struct JSONWriterTests {
  private func objects(_ json: JSONWriter) throws -> [[String: Any]] {
    try String(decoding: json.bytes, as: UTF8.self).split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test("another reader gets every string back", arguments: hostileStrings)
  func roundTrip(text: String) throws {
    var json = JSONWriter()
    json.object { json in
      json.member("text", text)
      json.member(text + "!", text)
      json.array("list") { json in
        json.string(text)
        json.string(utf8: Array(text.utf8))
        json.object { _ in }
      }
      json.array("empty") { _ in }
      json.member("number", Int64.min)
      json.member("yes", true)
      json.member("absent", String?.none)
    }
    #expect(!json.bytes.contains { $0 < 0x20 })
    let read = try #require(JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
    let list = try #require(read["list"] as? [Any])
    #expect(Array((read["text"] as? String ?? "?").utf8) == Array(text.utf8))
    #expect(read[text + "!"] as? String == text)
    #expect(list.count == 3 && list[0] as? String == text && list[1] as? String == text)
    #expect((read["empty"] as? [Any])?.isEmpty == true)
    #expect(read["number"] as? Int64 == Int64.min && read["yes"] as? Bool == true && read["absent"] == nil)
  }

  @Test func aMessageKeepsEveryKeyOfTheContract() throws {
    var json = JSONWriter()
    let message = Sample.message(1, body: .plain("hi\n"), full: true)
    json.messageCreated(message.message, sender: "ann", conversation: "c-1")
    let line = try #require(try objects(json).first)
    #expect(json.bytes.count { $0 == 0x0A } == 1)
    #expect(line["type"] as? String == "message.created")
    #expect(line["created_at"] as? String == "2026-01-31T23:59:59.123456Z")
    #expect((line["body"] as? [String: String]) == ["plain": "hi\n"])
    for (key, value) in [
      "message_id": "m-1", "conversation_id": "c-1", "sender_id": "ann", "content_type": "text/plain",
      "reply_to": "m-0", "thread_id": "t\"1", "client_msg_id": "k-1",
    ] {
      #expect(line[key] as? String == value)
    }
    #expect(line["mentions"] as? [String] == ["bob", "é"])
    let files = try #require(line["attachments"] as? [[String: Any]])
    #expect(files[0]["name"] as? String == "../../x\u{0}" && files[0]["size"] as? Int == 12)
    #expect(files[1].count == 1)
    let tokens = try #require(line["tokens"] as? [String: Any])
    #expect(tokens["mode"] as? String == "plain" && tokens["generation"] as? Int == 3)
    #expect(tokens["set"] as? [String] == ["naïve"] && tokens["sequence"] as? [String] == ["a\"b"])
    #expect(tokens["flags"] as? [String] == ["link"] && tokens["bigrams"] == nil)
  }

  @Test func sealedBodiesGoOutBitForBitWithTheirKeys() throws {
    let bytes = Randomness.bytes(100)
    let body = SealedBody(ciphertext: bytes, keyID: "k-9", wrappedKeys: ["phone": [1, 2], "laptop": [3]])
    var message = Sample.message(1, body: .sealed(body)).message
    var payload = message.original
    payload.tokens = TokenSet(mode: .blinded, set: [[0, 255, 1, 2, 3, 4, 5, 6]])
    message = HistoricMessage(locator: message.locator, tier: .cold, original: payload, changes: [])
    var json = JSONWriter()
    json.messageCreated(message, sender: "ann", conversation: "c-1")
    let line = try #require(try objects(json).first)
    let sealed = try #require(line["body"] as? [String: Any])
    #expect([UInt8](base64: sealed["sealed"] as? String ?? "") == bytes)
    #expect(sealed["key_id"] as? String == "k-9")
    #expect(sealed["wrapped_keys"] as? [String: String] == ["phone": "AQI=", "laptop": "Aw=="])
    #expect((line["tokens"] as? [String: Any])?["set"] as? [String] == ["AP8BAgMEBQY"])
  }

  @Test func editsDeletionsAndReactionsFollowTheirMessage() throws {
    let later = Sample.start.adding(seconds: 5)
    let changes = [
      Sample.change(.edit, at: later, body: .plain("better")), Sample.change(.deletion, at: later),
      Sample.change(.reaction, at: later, name: "👍"),
      Sample.change(.reaction, at: later, removedAt: later.adding(seconds: 1), name: "+1"),
    ]
    var json = JSONWriter()
    for change in changes { json.change(change, by: "bob", message: "m-1", conversation: "c-1") }
    let lines = try objects(json)
    #expect(
      lines.map { $0["type"] as? String } == [
        "message.edited", "message.deleted", "reaction.added", "reaction.removed",
      ])
    #expect(lines[0]["editor_id"] as? String == "bob" && lines[0]["version"] as? Int == 5)
    #expect(lines[1]["deleted_by"] as? String == "bob" && lines[1]["deleted_at"] as? String == later.rfc3339)
    #expect(lines[2]["name"] as? String == "👍")
    #expect(lines[3]["at"] as? String == later.adding(seconds: 1).rfc3339)
  }

  @Test func conversationsMembersAndUsersComeWithTheirTimes() throws {
    var json = JSONWriter()
    json.conversationUpserted(Sample.card)
    json.userUpserted(Sample.bob)
    json.membership(Sample.member, conversation: "c-1")
    json.conversationClosed("c-1", at: Sample.start)
    let lines = try objects(json)
    #expect(
      lines.map { $0["type"] as? String } == [
        "conversation.upserted", "user.upserted", "member.joined", "member.left", "conversation.closed",
      ])
    #expect(lines[0]["visibility"] as? String == "public" && lines[0]["retention_days"] as? Int == 90)
    #expect(lines[1].count == 2)
    #expect(lines[2]["sees_history_from"] as? String == "0001-01-01T00:00:00Z")
    #expect(lines[2]["role"] as? String == "owner")
  }
}
