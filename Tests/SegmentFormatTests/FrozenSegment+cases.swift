import Model
import Sodium

/// Messages of one conversation, each a step after the one before.
private struct Talk {
  var room = ConversationID(rawValue: 0xC0)
  var time = Timestamp(civil: 2015, 8, 3).microseconds
  var sequence: Int64 = 1_000
  /// Microseconds.
  var step: Int64 = 1_000
  private(set) var messages: [StoredMessage] = []

  mutating func say(_ sender: Int64, _ payload: MessagePayload, key: MessageKey? = nil) {
    let follows = FrozenSegment.hash.messageKey(Array(payload.messageID.utf8)[...])
    add(sender, payload.bytes, key ?? follows ?? MessageKey(high: 0, low: 0))
  }

  mutating func say(_ sender: Int64, _ id: String, _ text: String, replyTo: String? = nil) {
    say(sender, MessagePayload(messageID: id, body: .plain(text), replyTo: replyTo))
  }

  /// Any bytes in the place of a payload.
  mutating func put(_ sender: Int64, _ payload: [UInt8]) {
    add(sender, payload, MessageKey(high: sequence, low: ~sequence))
  }

  private mutating func add(_ sender: Int64, _ payload: [UInt8], _ key: MessageKey) {
    messages.append(
      StoredMessage(
        key: key, position: MessagePosition(createdAt: Timestamp(microseconds: time), sequence: sequence),
        conversation: room, sender: SubjectID(rawValue: sender), payload: payload))
    time += step
    sequence += 1
  }

  /// What was said so far, as a block; the next goes on behind it.
  mutating func block() -> SegmentBytes.Block {
    defer { messages = [] }
    return (room, messages)
  }
}

extension FrozenSegment {
  static let all = [
    plain, sealed, edits, replies, attachments, conversations, erased, empty, first, last, long,
  ]

  private static let (ann, bob, cy): (Int64, Int64, Int64) = (10, 11, 12)
  /// Message keys follow from ids by this one's hash.
  fileprivate static var hash: TestKeyring {
    var keys = TestKeyring(subjects: [], conversations: [])
    keys.hash = FrozenKeys.key(0xE1)
    return keys
  }

  /// Plain bodies under a trained dictionary: texts of every content type, base64, a body with a zero byte, one that is
  /// empty; times in microseconds, seconds and minutes; a lane of empty texts.
  private static let plain: FrozenSegment = {
    var talk = Talk(step: 1_000_001)
    for number in 0..<12 {
      let text = "see you there, and thanks for the notes of today \(number)"
      talk.say([ann, bob, cy][number % 3], "plain-\(number)", text)
    }
    var blocks = [talk.block()]
    talk.time = Timestamp(civil: 2015, 8, 4).microseconds
    talk.step = 7_000_000
    for (number, type) in ["text/markdown", "text/html", "application/json", "", "text/x-any"].enumerated() {
      talk.say(
        bob, MessagePayload(messageID: "b\(number)", body: .plain("*Grüße* 👋🏽 \(number)"), contentType: type))
    }
    talk.say(ann, "b5", [UInt8](0..<90).base64())
    talk.say(ann, "b6", "a\0b")
    talk.say(ann, "b7", "")
    blocks.append(talk.block())
    talk.time = Timestamp(civil: 2015, 8, 31).microseconds
    talk.step = 60_000_000
    for number in 0..<40 { talk.say(cy, "c\(number)", "") }
    talk.say(ann, "d1", "shall we meet for lunch tomorrow? shall we meet for lunch?")
    blocks.append(talk.block())
    return FrozenSegment("plain", number: 1, dictionary: FrozenKeys.dictionaryID, blocks)
  }()

  /// Sealed bodies: with and without a key id and wrapped keys, empty, replying, with blinded tokens.
  private static let sealed: FrozenSegment = {
    var talk = Talk()
    let bytes = (0..<64).map { UInt8($0 &* 37 % 251) }
    let bodies = [
      SealedBody(ciphertext: bytes, keyID: "epoch-7"),
      SealedBody(ciphertext: Array(bytes.reversed()), keyID: "epoch-7", wrappedKeys: ["phone": bytes]),
      SealedBody(ciphertext: [1], wrappedKeys: ["a": [], "é": [2], "端末": [3, 4]]),
      SealedBody(ciphertext: []), SealedBody(ciphertext: [0], keyID: ""),
    ]
    for (number, body) in bodies.enumerated() {
      talk.say(
        [ann, bob][number % 2],
        MessagePayload(
          messageID: "s\(number)", body: .sealed(body), contentType: "application/x-sealed",
          replyTo: number == 2 ? "s0" : nil, threadID: number == 3 ? "t" : nil,
          clientMessageID: number == 4 ? "c" : nil))
    }
    let blinded = TokenSet(
      mode: .blinded, generation: 4_294_967_295, set: [Array(bytes[..<8]), Array(bytes[8..<16])],
      sequence: [Array(bytes[8..<16])], bigrams: [Array(bytes[16..<24])], prefixes: [], flags: ["link"])
    talk.say(
      bob,
      MessagePayload(messageID: "s9", body: .sealed(bodies[0]), contentType: "text/plain", tokens: blinded))
    return FrozenSegment("sealed", number: 2, [talk.block()])
  }()

  /// Edits that compaction folded in (tag 11), of plain and of sealed messages.
  private static let edits: FrozenSegment = {
    var talk = Talk()
    func edit(_ version: Int64, _ sealed: [UInt8]) -> FoldedEdit {
      FoldedEdit(version: version, at: Timestamp(civil: 2015, 9, Int(version)), sealed: sealed)
    }
    var once = MessagePayload(messageID: "e1", body: .plain("first"), replyTo: "e0")
    once.folded = [edit(2, [UInt8](repeating: 0xEE, count: 60))]
    var twice = MessagePayload(
      messageID: "e2", body: .sealed(SealedBody(ciphertext: [9, 9])), mentions: ["U1"])
    twice.folded = [edit(2, [1]), edit(3, (0..<200).map { UInt8($0) })]
    talk.say(ann, once)
    talk.say(ann, twice)
    talk.say(bob, "e3", "never edited")
    return FrozenSegment("edits", number: 3, [talk.block()])
  }()

  /// Replies to one's own messages, to others', to what lies elsewhere and to what is gone; ids of every form; keys
  /// that do not follow from them.
  private static let replies: FrozenSegment = {
    var talk = Talk()
    let random = (0..<8).map { [UInt8](repeating: UInt8(0x11 &* ($0 + 1)), count: 16) }
    let uuids = [
      "0fd389e6-aca3-4ee1-8f0d-d3a68f80208a", "1610725b-e0ff-4604-8387-90548972b4b4",
      "018f2b7c-9d5e-7c3a-b1f0-5a6b7c8d9e0f", "00000000-0000-0000-0000-000000000000",
    ]
    talk.say(ann, uuids[0], "one version")
    talk.say(ann, uuids[1], "to myself", replyTo: uuids[0])
    talk.say(bob, uuids[2], "two versions", replyTo: uuids[0])
    talk.say(bob, uuids[3], "to what is gone", replyTo: "")
    let base64 = random.map { "$" + $0.base64(.urlSafe) }
    talk.say(cy, base64[0], "base64", replyTo: uuids[2])
    talk.say(cy, base64[1], "to myself", replyTo: base64[0])
    var blocks = [talk.block()]
    talk.say(ann, random[2].hex, "hexadecimal", replyTo: random[3].hex)
    talk.say(bob, "msg-99", "counted", replyTo: "msg-7")
    talk.say(bob, "msg-100", "counted", replyTo: "msg-99")
    talk.say(
      cy,
      MessagePayload(
        messageID: "Ünï", body: .plain("text"), replyTo: "msg-100", threadID: uuids[0], clientMessageID: "01")
    )
    talk.say(
      cy, MessagePayload(messageID: "", body: .plain("no id"), threadID: base64[4], clientMessageID: "x"))
    blocks.append(talk.block())
    let unusual = MessageKey(high: 5, low: .min)
    talk.say(ann, MessagePayload(messageID: "k1", body: .plain("another key")), key: unusual)
    talk.say(ann, "k2", "its own key", replyTo: "k1")
    blocks.append(talk.block())
    return FrozenSegment("replies", number: 4, blocks)
  }()

  /// Attachments, mentions and plain tokens, each with everything and with nothing.
  private static let attachments: FrozenSegment = {
    var talk = Talk()
    let whole = Attachment(
      id: "F1", name: "Übersicht.pdf", mimeType: "application/pdf", size: .max,
      sha256: [UInt8](0..<32).hex, url: "https://files.example/F1")
    talk.say(
      ann,
      MessagePayload(
        messageID: "a1", body: .plain("all"), mentions: ["U2", "U3", ""],
        attachments: [whole, Attachment(id: "")]))
    talk.say(
      ann, MessagePayload(messageID: "a2", body: .plain(""), attachments: [Attachment(id: "F2", size: 0)]))
    talk.say(bob, Fixture.payload)
    talk.say(
      bob, MessagePayload(messageID: "a4", body: .plain("no words"), tokens: TokenSet(mode: .plain)))
    return FrozenSegment("attachments", number: 5, [talk.block()])
  }()

  /// Conversations one after another, one of them twice, with one author and with many, out of order of time.
  private static let conversations: FrozenSegment = {
    var blocks: [SegmentBytes.Block] = []
    for (number, room) in ([5, -5, 5, 5, .max] as [Int64]).enumerated() {
      var talk = Talk(
        room: ConversationID(rawValue: room), time: Timestamp(civil: 2015, 8, 20 - number).microseconds,
        sequence: 90 - Int64(number) * 10, step: 3_600_000_000)
      for author in 0...Int64(number * 3) {
        talk.say(ann + author * author, "r\(number)-\(author)", "room \(room)")
      }
      blocks.append(talk.block())
    }
    return FrozenSegment("conversations", number: 6, blocks)
  }()

  /// Read without the keys of one author and one conversation. Replies to what was deleted have no id.
  private static let erased: FrozenSegment = {
    var talk = Talk()
    talk.say(ann, "x1", "stays", replyTo: "")
    talk.say(bob, "x2", "is erased")
    talk.say(ann, "x3", "answers somebody who is erased", replyTo: "x2")
    talk.say(bob, "x4", "is erased too", replyTo: "x2")
    var blocks = [talk.block()]
    talk.room = ConversationID(rawValue: 0xC1)
    talk.say(ann, "x5", "ends with its conversation")
    blocks.append(talk.block())
    talk.room = ConversationID(rawValue: 0xC2)
    talk.say(bob, "x6", "all of a block is erased")
    blocks.append(talk.block())
    var segment = FrozenSegment("erased", number: 7, blocks)
    segment.erased = [SubjectID(rawValue: bob)]
    segment.ended = [ConversationID(rawValue: 0xC1)]
    return segment
  }()

  private static let empty = FrozenSegment("empty", number: 8, [])

  /// The least of every number, and payloads that stay whole.
  private static let first: FrozenSegment = {
    let room = ConversationID(rawValue: .min)
    func message(_ time: Int64, _ sequence: Int64, _ sender: Int64, _ payload: [UInt8]) -> StoredMessage {
      StoredMessage(
        key: MessageKey(high: time, low: sequence),
        position: MessagePosition(createdAt: Timestamp(microseconds: time), sequence: sequence),
        conversation: room, sender: SubjectID(rawValue: sender), payload: payload)
    }
    let blocks: [SegmentBytes.Block] = [
      (
        room,
        [
          message(.min, .min, .min, []), message(.min, .max, .max, [1]), message(-1, 0, .min, [2, 1, 1]),
          message(0, .min, .max, [1, 1, 1, 0x61, 4, 0, 2, 0]), message(.max, .max, .min, [0xFF]),
        ]
      ), (room, [message(.max, .min, 0, [1, 1, 0x81, 0, 0x61, 2, 0, 4, 0])]),
    ]
    return FrozenSegment(
      "first", number: 9, tenant: .min, retentionClass: .min, period: 12, blocks)
  }()

  /// The greatest of every number.
  private static let last: FrozenSegment = {
    var talk = Talk(
      room: ConversationID(rawValue: .max), time: Timestamp(civil: 9999, 12, 31).microseconds,
      sequence: .max - 9)
    for number in 0..<3 { talk.say(.max, "999999999999999\(number)", "the last \(number)") }
    return FrozenSegment(
      "last", number: 10, tenant: .max, retentionClass: .max, period: 119_999, [talk.block()])
  }()

  /// Numbers of more than a byte: of messages, of lengths, of authors, of a reply far back.
  private static let long: FrozenSegment = {
    var talk = Talk()
    for number in 0..<130 {
      let reply = number > 1 ? "l\(number % 2)" : nil
      talk.say(ann + Int64(number % 2), "l\(number)", number == 0 ? "" : "l\(number)", replyTo: reply)
    }
    var blocks = [talk.block()]
    talk.say(bob, String(repeating: "long-", count: 40), String(repeating: "na ", count: 2_000))
    blocks.append(talk.block())
    for author in 0..<20 { talk.say(ann + Int64(author) * 1_000_000_007, "m\(author)", "one of many") }
    blocks.append(talk.block())
    return FrozenSegment("long", number: 11, blocks)
  }()
}
