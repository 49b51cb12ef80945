import Foundation
import Model
import SegmentFormat
import Sodium
import Testing
import Zstd

/// The frozen examples of `Schemas/formats`, and what they hold.
enum Fixture {
  /// The hexadecimal lines of a file in `Fixtures`; lines that start with `#` are for readers.
  static func bytes(_ name: String) throws -> [UInt8] {
    let lines = String(decoding: try data(name), as: UTF8.self).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    return try #require([UInt8](hex: lines.joined().filter { !$0.isWhitespace }))
  }

  static func data(_ name: String) throws -> Data {
    try Data(contentsOf: #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: nil)))
  }

  /// A page of `Schemas/formats`, without white space.
  static func page(_ name: String) throws -> String {
    // Tests/SegmentFormatTests/Fixture.swift, with links resolved, as a checkout may be built through one.
    let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "Schemas/formats/" + name), encoding: .utf8)
      .filter { !$0.isWhitespace }
  }

  static let ann = SubjectID(rawValue: 0x0A)
  static let bob = SubjectID(rawValue: 0x0B)
  static let room = ConversationID(rawValue: 0xC0)
  static let id = (0..<16).map { UInt8($0) }
  static let dictionaryID = (16..<32).map { UInt8($0) }
  /// Not trained, so that it is short: any text can be a dictionary.
  static let dictionary = try? ZstdDictionary(
    Array("Shall we meet for lunch tomorrow? See you there, and thanks for the notes of today.".utf8),
    level: SegmentWriter.compressionLevel)

  /// Each key is one byte, 32 times.
  static var keys: TestKeyring {
    var keys = TestKeyring(subjects: [], conversations: [])
    keys.subjects = [ann: key(0xA1), bob: key(0xB1)]
    keys.conversations = [room: key(0xC1)]
    keys.period = key(0xD1)
    keys.hash = key(0xE1)
    keys.dictionary = dictionary
    return keys
  }

  private static func key(_ byte: UInt8) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }

  private static func message(
    _ number: Int64, _ sender: SubjectID, _ text: String, id: String? = nil, replyTo: String? = nil
  ) -> StoredMessage {
    let payload = MessagePayload(messageID: id ?? "m\(number)", body: .plain(text), replyTo: replyTo)
    return message(number, sender, payload)
  }

  private static func message(_ number: Int64, _ sender: SubjectID, _ payload: MessagePayload)
    -> StoredMessage
  {
    StoredMessage(
      key: keys.messageKey(Array(payload.messageID.utf8)[...]) ?? MessageKey(high: 0, low: 0),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: Timestamp(civil: 2015, 8, 1).microseconds + number * 1_000),
        sequence: 100 + number),
      conversation: room, sender: sender, payload: payload.bytes)
  }

  /// The first block's lanes are too small for zstd. The second has one that is not, one that needs the dictionary, and
  /// a key that is not its id's hash; the third a sealed body.
  static let blocks: [SegmentBytes.Block] = [
    (room, [message(1, ann, "Hello"), message(2, bob, "Hi"), message(3, ann, "Tea?")]),
    (
      room,
      [
        message(4, bob, String(repeating: "yes ", count: 64), id: "1610725b-e0ff-5604-8387-90548972b4b4"),
        message(5, ann, "Shall we meet for lunch?", replyTo: "1610725b-e0ff-5604-8387-90548972b4b4"),
        StoredMessage(
          key: MessageKey(high: 0x16, low: 0x26), position: message(6, bob, "").position, conversation: room,
          sender: bob,
          payload: message(6, bob, "See you there", id: "0fd389e6-aca3-5ee1-8f0d-d3a68f80208a").payload),
      ]
    ),
    (room, [message(7, ann, sealedPayload)]),
  ]

  static let payload = MessagePayload(
    messageID: "m1", body: .plain("Grüße"), contentType: "text/plain", replyTo: "m0", threadID: "t1",
    clientMessageID: "c1", mentions: ["U2", "U3"],
    attachments: [Attachment(id: "F1", name: "a.png", mimeType: "image/png", size: 300)],
    tokens: TokenSet(
      mode: .plain, generation: 1, set: [Array("grusse".utf8)], sequence: [Array("grusse".utf8)], bigrams: [],
      prefixes: [Array("gr".utf8)], flags: ["image"]))

  static let sealedPayload = MessagePayload(
    messageID: "m2",
    body: .sealed(
      SealedBody(ciphertext: [0xDE, 0xAD, 0xBE, 0xEF], keyID: "k1", wrappedKeys: ["d2": [2], "d1": [1, 1]])),
    contentType: "application/x-sealed")
}
