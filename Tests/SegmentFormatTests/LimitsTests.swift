import Foundation
import Model
import Sodium
import Testing
import Zstd

@testable import SegmentFormat

/// What even a writer with all keys may not make a reader do.
@Suite struct LimitsTests {
  private static let conversation = ConversationID(rawValue: 5)
  private static let subjects = [SubjectID(rawValue: 1), SubjectID(rawValue: 2)]
  private let keys = {
    var keys = TestKeyring(subjects: subjects, conversations: [conversation])
    keys.hash = SecretBytes(random: 32)
    return keys
  }()
  private let identity = SegmentIdentity(
    tenant: TenantID(rawValue: 1), retentionClass: 0, period: Period(rawValue: 24_187),
    id: [UInt8](repeating: 9, count: 16))

  /// Opens a block of lanes made by hand, each sealed rightly, that should hold messages 1 to `count`.
  private func decode(
    lanes: [[UInt8]], counts: [Int], count: Int32, senders: [SubjectID] = subjects, rest: [UInt8] = []
  ) throws {
    let sealed = try lanes.enumerated().map { number, lane in
      let place = SegmentPlace.lane(
        ordinal: 0, lane: number, conversation: Self.conversation, sender: senders[number])
      return place.seal(lane, key: try #require(keys.lane(senders[number], Self.conversation)), identity)
    }
    let table = LaneTable(
      lanes: zip(senders, zip(counts, sealed)).map {
        LaneTable.Lane(sender: $0, count: $1.0, length: $1.1.count)
      }, pace: 0)
    let place = SegmentPlace.table(
      ordinal: 0, conversation: Self.conversation, first: message(1).position)
    var writer = ByteWriter()
    writer.blob(place.seal(table.bytes, key: try keys.table(Self.conversation), identity))
    writer.raw(sealed.flatMap { $0 } + rest)
    let entry = BlockEntry(
      ordinal: 0, conversation: Self.conversation, route: RouteKey(rawValue: 0),
      firstPosition: message(1).position, lastPosition: message(Int64(count)).position, count: count,
      offset: 64,
      length: Int32(writer.bytes.count), hash: BlockEntry.hash(of: writer.bytes))
    _ = try SegmentReader.decode(entry, writer.bytes, identity: identity, keys: keys)
  }

  private func expect(_ code: SegmentError.Code, _ body: () throws -> Void) {
    #expect { try body() } throws: { ($0 as? SegmentError)?.code == code }
  }

  /// One message whose columns are right, and a frame of `bytes` zero bytes.
  private static func bomb(_ bytes: Int) -> [UInt8] {
    // Flags: a frame, kept keys; the block's first position; a key; counted ids with no prefix and the number 1.
    [5] + first + [UInt8](repeating: 0, count: 16) + [5, 0, 2]
      + ZstdFrame.compress([UInt8](repeating: 0, count: bytes)).dropFirst(4)
  }

  private static var first: [UInt8] {
    var bits = BitWriter()
    PositionCode.times[0].write(0, to: &bits)
    PositionCode.sequences[0].write(0, to: &bits)
    return bits.finish()
  }

  private func lane(_ messages: [StoredMessage]) -> [UInt8] {
    let origin = BlockOrigin(period: identity.period, first: message(1).position, pace: 0, count: 2)
    var columns = LaneColumns(
      messages, messages.map { PayloadParts(payload: $0.payload) }, in: origin, key: keys.messageKey)
    return columns.packed(nil)
  }

  @Test func aLaneThatUnfoldsBeyondTheLimitIsRefused() {
    expect(.overLimit) { try decode(lanes: [Self.bomb(BlockEntry.plainBytesMax + 1)], counts: [1], count: 1) }
  }

  @Test func lanesThatUnfoldBeyondTheLimitTogetherAreRefused() {
    let large = lane([message(1, payload: [UInt8](repeating: 0, count: 20 << 20))])
    expect(.overLimit) { try decode(lanes: [large, large], counts: [1, 1], count: 2) }
  }

  @Test(arguments: [
    [UInt8](), [2], [1], [64], [65], [128, 0], [0], [0, 0x80], [0, 1, 1], [8, 0], [8, 1, 3], [8, 1, 160],
  ])
  func aLaneThatIsNoLaneIsRefused(lane: [UInt8]) {
    expect(.damaged) { try decode(lanes: [lane], counts: [1], count: 1) }
  }

  @Test func aTableThatDoesNotFitItsLanesIsRefused() {
    let lane = self.lane([message(1)])
    let both = self.lane([message(1), message(2)])
    #expect(throws: Never.self) { try decode(lanes: [lane], counts: [1], count: 1) }
    #expect(throws: Never.self) { try decode(lanes: [both], counts: [2], count: 2) }
    expect(.damaged) { try decode(lanes: [both], counts: [3], count: 3) }
    expect(.damaged) { try decode(lanes: [both], counts: [1], count: 1) }
    expect(.damaged) { try decode(lanes: [lane], counts: [2], count: 2) }
    expect(.damaged) { try decode(lanes: [lane], counts: [1], count: 2) }
    expect(.damaged) { try decode(lanes: [lane], counts: [0], count: 0) }
    expect(.damaged) { try decode(lanes: [lane, lane], counts: [1, 1], count: 2) }
  }

  @Test func anAuthorHasOneLane() {
    let lanes = [1, 2].map { lane([message($0)]) }
    #expect(throws: Never.self) { try decode(lanes: lanes, counts: [1, 1], count: 2) }
    for senders in [[Self.subjects[0], Self.subjects[0]], Self.subjects.reversed()] {
      expect(.damaged) { try decode(lanes: lanes, counts: [1, 1], count: 2, senders: senders) }
    }
  }

  @Test func bytesAfterTheLastLaneAreRefused() {
    let lane = self.lane([message(1)])
    expect(.damaged) { try decode(lanes: [lane], counts: [1], count: 1, rest: [0]) }
  }

  /// Only a writer with all keys could make such lanes: they must not stop the reader either.
  @Test func aLaneOfAnyBytesIsReadOrRefused() throws {
    var generator = SeededGenerator.announced()
    let payloads = [
      Fixture.payload, Fixture.sealedPayload, MessagePayload(messageID: "m7", body: .plain("Lunch?")),
    ]
    let lanes =
      [lane([message(1, payload: payloads[2].bytes)])]
      + payloads.map { lane([message(1, payload: payloads[0].bytes), message(2, payload: $0.bytes)]) }
    // About ten minutes in the long form.
    let isLong = ProcessInfo.processInfo.environment["MUNIMENT_SLOW_TESTS"] == "1"
    for _ in 0..<(isLong ? 4_000_000 : 4_000) {
      var bytes = try #require(lanes.randomElement(using: &generator))
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if generator.next() % 4 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
      let count = Int.random(in: 1...3, using: &generator)
      do {
        try decode(lanes: [bytes], counts: [count], count: Int32(count))
      } catch let error as SegmentError {
        #expect([.damaged, .overLimit].contains(error.code), "MUNIMENT_SEED=\(generator.seed)")
      }
    }
  }

  private func message(_ number: Int64, payload: [UInt8] = []) -> StoredMessage {
    StoredMessage(
      key: MessageKey(high: number, low: 0),
      position: MessagePosition(createdAt: Timestamp(milliseconds: number), sequence: number),
      conversation: Self.conversation, sender: Self.subjects[0], payload: payload)
  }

  @Test func aBlockHoldsUpToItsLimitOfMessagesAndNotOneMore() throws {
    for (count, fits) in [(BlockEntry.messagesMax, true), (BlockEntry.messagesMax + 1, false)] {
      let messages = (1...count).map { message(Int64($0)) }
      var writer = try SegmentWriter(identity: identity, keys: keys)
      guard fits else {
        #expect(throws: SegmentError(.overLimit, "a block")) {
          try writer.block(Self.conversation, route: RouteKey(rawValue: 0), messages, keys: keys)
        }
        continue
      }
      let bytes = try writer.block(Self.conversation, route: RouteKey(rawValue: 0), messages, keys: keys)
      let block = Array(bytes.dropFirst(SegmentIdentity.headerSize))
      let entry = try #require(writer.directory.first)
      #expect(try SegmentReader.decode(entry, block, identity: identity, keys: keys).messages == messages)
    }
  }

  @Test func theWriterMakesNoBlockThatReadersRefuse() throws {
    let half = [UInt8](repeating: 0, count: BlockEntry.plainBytesMax / 2)
    var writer = try SegmentWriter(identity: identity, keys: keys)
    #expect(throws: SegmentError(.overLimit, "a block")) {
      try writer.block(
        Self.conversation, route: RouteKey(rawValue: 0),
        [message(1, payload: half), message(2, payload: half)],
        keys: keys)
    }
    #expect(writer.directory.isEmpty)
  }

  /// What zstd makes of a text is not counted beside the text.
  @Test func aBlockAtTheLimitIsWrittenAndRead() throws {
    let large = message(1, payload: [UInt8](repeating: 0, count: BlockEntry.plainBytesMax - 64))
    var writer = try SegmentWriter(identity: identity, keys: keys)
    let bytes = try writer.block(Self.conversation, route: RouteKey(rawValue: 0), [large], keys: keys)
    let entry = try #require(writer.directory.first)
    let block = Array(bytes.dropFirst(SegmentIdentity.headerSize))
    #expect(try SegmentReader.decode(entry, block, identity: identity, keys: keys).messages == [large])
  }

  /// Ids of one prefix take little room in a lane, and all of it in every payload.
  @Test func payloadsBeyondTheLimitTogetherAreNotWritten() throws {
    let count = BlockEntry.messagesMax
    func messages(_ idBytes: Int) -> [StoredMessage] {
      var head = ByteWriter()
      for byte in [1, 1] as [UInt8] { head.byte(byte) }
      head.blob([UInt8](repeating: 0x78, count: idBytes - 1) + [0x31])
      let payload = head.bytes + [2, 0, 4, 0]
      return (1...count).map { message(Int64($0), payload: payload) }
    }
    let idBytesMax = BlockEntry.payloadBytesMax / count - 8
    for (size, fits) in [(idBytesMax, true), (idBytesMax + 1, false)] {
      var writer = try SegmentWriter(identity: identity, keys: keys)
      let messages = messages(size)
      #expect((messages[0].payload.count * count <= BlockEntry.payloadBytesMax) == fits)
      guard fits else {
        #expect(throws: SegmentError(.overLimit, "a block")) {
          _ = try writer.block(Self.conversation, route: RouteKey(rawValue: 0), messages, keys: keys)
        }
        continue
      }
      let bytes = try writer.block(Self.conversation, route: RouteKey(rawValue: 0), messages, keys: keys)
      let entry = try #require(writer.directory.first)
      let block = Array(bytes.dropFirst(SegmentIdentity.headerSize))
      #expect(block.count < 1 << 20)
      #expect(try SegmentReader.decode(entry, block, identity: identity, keys: keys).messages == messages)
    }
  }

  @Test func aPeriodOutOfRangeIsRefused() throws {
    for (period, fits) in [
      (12, true), (119_999, true), (11, false), (120_000, false), (.min, false), (.max, false),
    ]
      as [(Int32, Bool)]
    {
      let header = SegmentIdentity(
        tenant: TenantID(rawValue: 1), retentionClass: 0, period: Period(rawValue: period), id: identity.id
      ).header
      if fits {
        #expect(try SegmentIdentity(header: header).period.start < .latest)
      } else {
        #expect(throws: SegmentError(.damaged, "the header")) { try SegmentIdentity(header: header) }
      }
    }
  }

  @Test func aTrailerThatPointsNowhereIsRefused() throws {
    for (offset, length) in [(Int64.max, UInt32.max), (-1, 41), (0, 40), (64, .max), (1 << 62, 0), (.min, 0)]
    {
      var writer = ByteWriter()
      writer.fixed(offset)
      writer.fixed(length)
      writer.fixed(UInt32(0))
      writer.raw([UInt8](repeating: 0, count: 32))
      writer.raw(SegmentTrailer.magic)
      for size in [Int64(160), .max] {
        #expect(throws: SegmentError.self) { try SegmentTrailer(writer.bytes, objectSize: size) }
      }
    }
  }

  @Test func newerVersionsAreRefusedByName() throws {
    for index in [8, 10] {
      var header = identity.header
      header[index] = 2
      #expect(throws: SegmentError(.unsupportedVersion, "the segment")) {
        try SegmentIdentity(header: header)
      }
    }
    var other = identity.header
    other[0] = 0x50
    #expect(throws: SegmentError(.notASegment, "the object")) { try SegmentIdentity(header: other) }
    #expect(try SegmentIdentity(header: identity.header) == identity)
  }

  @Test func aFooterThatDeclaresMoreThanItHoldsIsRefused() throws {
    for plain: [UInt8] in [[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [1], [], [0, 0]] {
      let footer = SegmentPlace.footer(offset: 64).seal(plain, key: try keys.footer(identity), identity)
      #expect(throws: SegmentError(.damaged, "the footer")) {
        try SegmentReader.directory(footer: footer, at: 64, identity: identity, keys: keys)
      }
    }
  }
}
