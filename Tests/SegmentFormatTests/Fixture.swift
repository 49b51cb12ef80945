import Foundation
import Model
import Sodium
import Synchronization
import Testing

/// The frozen examples of `Schemas/formats`, and what they hold.
enum Fixture {
  /// The hexadecimal lines of a file in `Fixtures`; lines that start with `#` are for readers.
  static func bytes(_ name: String) throws -> [UInt8] {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: nil))
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    return try #require([UInt8](hex: lines.joined().filter { !$0.isWhitespace }))
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

  /// Each key is one byte, 32 times.
  static var keys: TestKeyring {
    var keys = TestKeyring(subjects: [], conversations: [])
    keys.subjects = [ann: key(0xA1), bob: key(0xB1)]
    keys.conversations = [room: key(0xC1)]
    keys.period = key(0xD1)
    return keys
  }

  private static func key(_ byte: UInt8) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }

  /// 24 bytes of 1, then of 2, and so on.
  static func countingNonces() -> @Sendable () -> [UInt8] {
    let count = Counter()
    return { [UInt8](repeating: count.next(), count: AEAD.nonceSize) }
  }

  private final class Counter: Sendable {
    private let value = Mutex<UInt8>(0)
    func next() -> UInt8 {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }

  private static func message(_ number: Int64, _ sender: SubjectID, _ text: String) -> StoredMessage {
    StoredMessage(
      key: MessageKey(high: 0x10 + number, low: 0x20 + number),
      position: MessagePosition(
        createdAt: Timestamp(microseconds: Timestamp(civil: 2015, 8, 1).microseconds + number),
        sequence: 100 + number),
      conversation: room, sender: sender,
      payload: MessagePayload(messageID: "m\(number)", body: .plain(text)).bytes)
  }

  /// The first block's lanes are too small for zstd; the second has one that is not.
  static let blocks: [SegmentBytes.Block] = [
    (room, [message(1, ann, "Hello"), message(2, bob, "Hi")]),
    (
      room,
      [
        message(3, bob, String(repeating: "yes ", count: 64)), message(4, ann, "Lunch?"),
        message(5, bob, "Soon"),
      ]
    ),
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
