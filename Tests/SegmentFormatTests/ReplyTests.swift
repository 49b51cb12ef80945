import Model
import Testing

@testable import SegmentFormat

/// A reply to a message of one's own in the same block costs a number; one to somebody else's keeps the whole id, so
/// that nothing of it is lost when that author is erased.
@Suite struct ReplyTests {
  private static let ids = [
    "1610725b-e0ff-5604-8387-90548972b4b4", "0fd389e6-aca3-5ee1-8f0d-d3a68f80208a",
    "7b0c8f6e-7a51-5d2b-9b46-1a2f3c4d5e6f", "aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee",
  ]

  private static func message(_ number: Int64, _ sender: SubjectID, _ payload: MessagePayload)
    -> StoredMessage
  {
    StoredMessage(
      key: Fixture.keys.messageKey(Array(payload.messageID.utf8)[...]) ?? MessageKey(high: 0, low: 0),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: Timestamp(civil: 2015, 8, 3).microseconds + number * 9_000_000),
        sequence: number),
      conversation: Fixture.room, sender: sender, payload: payload.bytes)
  }

  /// Ann, then Bob to Ann, Ann to Bob, and Bob to what lies elsewhere.
  private static let messages = [
    message(1, Fixture.ann, MessagePayload(messageID: ids[0], body: .plain("Tea?"))),
    message(2, Fixture.bob, MessagePayload(messageID: ids[1], body: .plain("Yes"), replyTo: ids[0])),
    message(3, Fixture.ann, MessagePayload(messageID: ids[2], body: .plain("Now"), replyTo: ids[1])),
    message(
      4, Fixture.bob, MessagePayload(messageID: "m9", body: .plain("Then"), replyTo: ids[3], threadID: ids[0])
    ),
  ]

  private func replies(_ messages: [StoredMessage]) throws -> [String?] {
    try messages.map { try MessagePayload(bytes: $0.payload).replyTo }
  }

  @Test func repliesComeBackWhole() throws {
    let segment = try SegmentBytes([(Fixture.room, Self.messages)], keys: Fixture.keys)
    let read = try SegmentBytes.readAll(segment.bytes, keys: Fixture.keys, hashing: true)
    #expect(read == Self.messages)
    #expect(try replies(read) == [nil, Self.ids[0], Self.ids[1], Self.ids[3]])
  }

  @Test func aReplyToAnErasedAuthorsMessageStaysWhatItWas() throws {
    let segment = try SegmentBytes([(Fixture.room, Self.messages)], keys: Fixture.keys)
    var keys = Fixture.keys
    keys.subjects[Fixture.ann] = nil
    let read = try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: true)
    #expect(read == [Self.messages[1], Self.messages[3]])
    #expect(try replies(read) == [Self.ids[0], Self.ids[3]])
  }

  @Test func aReplyToOneselfCostsLessThanAnIdOfOthers() throws {
    func size(_ sender: SubjectID, to reply: String) throws -> Int {
      let answer = Self.message(
        2, sender, MessagePayload(messageID: Self.ids[1], body: .plain("Yes"), replyTo: reply))
      return try SegmentBytes([(Fixture.room, [Self.messages[0], answer])], keys: Fixture.keys).bytes.count
    }
    #expect(try size(Fixture.ann, to: Self.ids[0]) + 15 <= size(Fixture.ann, to: Self.ids[3]))
    #expect(try size(Fixture.bob, to: Self.ids[0]) == size(Fixture.bob, to: Self.ids[3]))
  }
}
