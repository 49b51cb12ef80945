import Model
import Sodium
import Testing
import Zstd

@testable import SegmentFormat

/// What a lane holds comes back bit for bit, whatever a payload looks like, and takes no more room than it must.
@Suite struct LaneColumnsTests {
  private static let period = Period(rawValue: 2015 * 12 + 7)
  private static let keys = Fixture.keys

  private static func key(_ id: String) -> MessageKey { key(Array(id.utf8)[...]) }

  private static func key(_ id: ArraySlice<UInt8>) -> MessageKey {
    keys.messageKey(id) ?? MessageKey(high: 0, low: 0)
  }

  private func message(_ number: Int64, _ payload: [UInt8], key: MessageKey, step: Int64 = 1) -> StoredMessage
  {
    StoredMessage(
      key: key,
      position: MessagePosition(
        createdAt: Timestamp(microseconds: Self.period.start.microseconds + number * step), sequence: number),
      conversation: Fixture.room, sender: Fixture.ann, payload: payload)
  }

  private func messages(_ payloads: [MessagePayload], step: Int64 = 1) -> [StoredMessage] {
    payloads.enumerated().map { index, payload in
      message(Int64(index), payload.bytes, key: Self.key(payload.messageID), step: step)
    }
  }

  private func origin(_ messages: [StoredMessage]) -> BlockOrigin {
    BlockOrigin(
      period: Self.period, messages[0].position, messages[messages.count - 1].position, count: messages.count)
  }

  private func columns(_ messages: [StoredMessage], _ key: (ArraySlice<UInt8>) -> MessageKey?) -> LaneColumns
  {
    let parts = messages.map { PayloadParts(payload: $0.payload) }
    let references = LaneReferences(parts, after: 0)
    return LaneColumns(messages, parts, in: origin(messages), references: references, key: key)
  }

  private func read(_ bytes: [UInt8], _ origin: BlockOrigin, key: (ArraySlice<UInt8>) -> MessageKey?) throws
    -> [StoredMessage]
  {
    var reader = try LaneColumnsReader(bytes, count: origin.count)
    let contents = try reader.contents(
      in: origin, limit: BlockEntry.plainBytesMax,
      dictionary: reader.needsDictionary ? Fixture.dictionary : nil)
    var block = OpenedBlock(count: origin.count)
    block.add(contents, of: LaneTable.Lane(sender: Fixture.ann, count: origin.count, length: 0))
    return try block.messages(of: Fixture.room, key: key)
  }

  /// With and without the hash and the dictionary.
  private func comesBack(_ messages: [StoredMessage], _ hint: String = "") throws {
    for hash in [true, false] {
      let key: (ArraySlice<UInt8>) -> MessageKey? = hash ? { Self.key($0) } : { _ in nil }
      for dictionary in [nil, Fixture.dictionary] {
        var columns = columns(messages, key)
        let packed = columns.packed(dictionary)
        #expect(try read(packed, origin(messages), key: key) == messages, "\(hint)")
        #expect(columns.costs.total == Int64(packed.count))
      }
    }
  }

  private static let uuid = "0fd389e6-aca3-5ee1-8f0d-d3a68f80208a"
  private static let encoded = [UInt8](0..<90).base64()
  private static let payloads: [MessagePayload] = [
    Fixture.payload, Fixture.sealedPayload,
    MessagePayload(messageID: uuid, body: .plain("")),
    MessagePayload(messageID: uuid.uppercased(), body: .plain("shouted"), replyTo: uuid),
    MessagePayload(
      messageID: "a" + uuid.dropFirst() + "b", body: .plain("long"), contentType: "text/markdown"),
    MessagePayload(messageID: uuid.replacing("-", with: "0"), body: .plain("x"), replyTo: ""),
    MessagePayload(messageID: "7", body: .plain(encoded), threadID: uuid, clientMessageID: uuid),
    MessagePayload(messageID: "8", body: .plain(String(encoded.dropLast()) + "=")),
    MessagePayload(messageID: "9", body: .plain("a\0b")),
    MessagePayload(messageID: "11", body: .plain("x"), contentType: "\u{1}"),
    MessagePayload(messageID: "12", body: .plain("x"), contentType: ""),
    MessagePayload(messageID: "10", body: .sealed(SealedBody(ciphertext: []))),
  ]

  @Test(arguments: LaneColumns.units)
  func everyShapeOfPayloadComesBack(unit: Int64) throws {
    try comesBack(messages(Self.payloads, step: unit))
    for payload in Self.payloads {
      try comesBack(messages([payload], step: unit), payload.messageID)
      try comesBack(messages([payload, payload, payload], step: unit), payload.messageID)
    }
  }

  /// Another writer's payload: fields out of order, a number longer than it must be, an unknown version, nothing.
  @Test func payloadsOfNoKnownShapeStayWhole() throws {
    let odd: [[UInt8]] = [
      [], [0], [1], [1, 1, 1, 0x61], [1, 1, 0x81, 0, 0x61, 2, 0, 4, 0], [2, 1, 1, 0x61, 2, 0, 4, 0],
      [1, 1, 1, 0x61, 4, 0, 2, 0], [1, 1, 1, 0x61, 2, 9, 4, 0], [1, 1, 1, 0x61, 2, 1, 0, 4, 0],
      [1, 1, 1, 0x61, 3, 2, 0, 2, 4, 0],
    ]
    for payload in odd { #expect(PayloadParts(payload: payload).isWhole, "\(payload)") }
    try comesBack(odd.enumerated().map { message(Int64($0), $1, key: MessageKey(high: 1, low: Int64($0))) })
  }

  @Test func idsOfEveryFormComeBack() throws {
    let forms: [(form: IDColumn.Form, ids: [String])] = [
      (.uuidOfVersion, [Self.uuid, "1610725b-e0ff-5604-8387-90548972b4b4", Self.uuid]),
      (.uuid, [Self.uuid, "1610725b-e0ff-4604-8387-90548972b4b4"]),
      (.uuid, ["00000000-0000-0000-0000-000000000000"]),
      (.hexadecimal, ["00ff00ff", "deadbeef"]), (.counter, ["0", "1", "99", "4"]),
      (.counter, ["m1", "m0", "m999999999999999999"]), (.text, ["m01"]), (.base64, ["m9999999999999999999"]),
      (.base64, ["$" + [UInt8](0..<32).base64(.urlSafe), "$" + [UInt8](1..<33).base64(.urlSafe)]),
      (.text, ["m1", "n2"]), (.text, [""]), (.text, ["$" + String(repeating: "a", count: 16) + "B"]),
      (.base64, [Self.uuid.uppercased()]), (.text, ["ABCDEF", "abcdef"]), (.text, ["00ff", "00ff00"]),
    ]
    for (form, ids) in forms {
      var columns = ByteWriter()
      var text = ByteWriter()
      IDColumn.write(ids.map { Array($0.utf8)[...] }, to: &columns, text: &text)
      #expect(columns.bytes.first == form.rawValue, "\(ids)")
      var (reader, texts) = (ByteReader(columns.bytes), ByteReader(text.bytes))
      let read = try IDColumn.read(ids.count, from: &reader) ?? IDColumn.readText(ids.count, from: &texts)
      #expect(read.map { String(decoding: $0, as: UTF8.self) } == ids)
      #expect(reader.atEnd && texts.atEnd)
    }
  }

  @Test func aKeyThatDoesNotFollowFromItsIdIsKept() throws {
    let payload = Self.payloads[2]
    try comesBack([
      message(1, payload.bytes, key: Self.key(payload.messageID)),
      message(2, payload.bytes, key: MessageKey(high: 5, low: 6)),
    ])
  }

  @Test func aMessageKeyThatCannotBeToldIsRefused() throws {
    let messages = messages([Self.payloads[2]])
    var columns = columns(messages) { Self.key($0) }
    let packed = columns.packed(nil)
    #expect(throws: SegmentError(.keyDestroyed, "the hash of message ids")) {
      try read(packed, origin(messages)) { _ in nil }
    }
  }

  @Test func aMessageCostsItsIdItsTextAndLittleMore() {
    let payload = MessagePayload(messageID: Self.uuid, body: .plain("Lunch?"))
    var columns = columns([message(90, payload.bytes, key: Self.key(Self.uuid), step: 60_000_000)]) {
      Self.key($0)
    }
    // Flags; the block's first minute and sequence in a byte; form, version and bytes of the id; the text and its end.
    #expect(columns.packed(nil).count == 1 + 1 + 18 + 7)
  }

  @Test func ciphertextIsNotMadeLonger() {
    var generator = SeededGenerator.announced()
    let payloads = (0..<50).map { number in
      MessagePayload(
        messageID: "m\(number)",
        body: .sealed(SealedBody(ciphertext: generator.bytes(300), keyID: "epoch-7")),
        contentType: "application/x-sealed")
    }
    var columns = columns(messages(payloads)) { Self.key($0) }
    #expect(columns.packed(nil).count < 50 * 300 + 50 * 7)
  }
}
