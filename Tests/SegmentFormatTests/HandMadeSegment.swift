import Model
import Sodium

@testable import SegmentFormat

/// A segment whose parts are made by hand and each sealed rightly: what only a writer with all keys could make. Its
/// keys are ``Fixture/keys``, its one conversation is ``Fixture/room``.
struct HandMadeSegment {
  struct Lane {
    var sender = Fixture.ann
    /// What the lane table says.
    var count = 1
    var plain: [UInt8]
  }

  struct Block {
    var lanes: [Lane]
    var first = HandMadeSegment.position(0)
    var last: MessagePosition?
    /// What the footer says; as many as the lanes otherwise.
    var count: Int?
    /// In the place of the lane table.
    var table: [UInt8]?
    /// Behind the lanes, or in front of the lane table's last byte of length.
    var tail: [UInt8] = []
    var hasLongLength = false
  }

  var header = SegmentIdentity(
    tenant: TenantID(rawValue: 7), retentionClass: 0, period: HandMadeSegment.period, id: Fixture.id
  ).header
  var blocks: [Block] = []
  var changeFooter: (inout [UInt8]) -> Void = { _ in }
  /// Offset, length, zeros, hash and magic; the hash is made afterwards if it is not changed.
  var changeTrailer: (inout [UInt8]) -> Void = { _ in }

  static let period = Period(rawValue: 2015 * 12 + 7)

  /// Milliseconds and sequences from the period's start on.
  static func position(_ number: Int64) -> MessagePosition {
    MessagePosition(
      createdAt: Timestamp(microseconds: period.start.microseconds + number * 1_000), sequence: 100 + number)
  }

  /// A lane of milliseconds: messages so many after the one before, the first after the block's, and as many sequences.
  static func lane(
    flags: UInt8 = 16, shapes: [UInt8] = [], numbers: [(UInt64, bits: Int)] = [], steps: [UInt64] = [0],
    replies: [(UInt64, bits: Int)] = [], _ rest: [UInt8]
  ) -> [UInt8] {
    var bits = BitWriter()
    for (number, width) in numbers { bits.write(number, bits: width) }
    for step in steps { write(step, PositionCode.times[1], to: &bits) }
    let origin = BlockOrigin(period: period, first: position(0), pace: 0, count: 1)
    for (index, step) in steps.enumerated() {
      let (code, shift) = origin.sequenceCode(after: step * 1_000)
      write(index == 0 ? step : step - 1, code, shift: shift, to: &bits)
    }
    for (number, width) in replies { bits.write(number, bits: width) }
    return [flags] + shapes + bits.finish() + rest
  }

  static func joined(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

  static func write(_ number: UInt64, _ code: ClassCode, shift: Int = 0, to bits: inout BitWriter) {
    code.write(number.bitLength + shift, to: &bits)
    bits.writeRest(of: number, number.bitLength)
  }

  /// Ids `m1` and so on as they are counted; one message's text is `Hi`, more have none.
  static func counted(_ count: Int = 1) -> [UInt8] {
    [5, 1, 0x6D] + [UInt8](repeating: 2, count: count)
      + (count == 1 ? [0x48, 0x69, 0] : [UInt8](repeating: 0, count: count))
  }

  private static func seal(_ plain: [UInt8], _ key: SecretBytes, _ place: [UInt8]) -> [UInt8] {
    let nonce = BLAKE2b.hash(Array("muniment/segment/nonce/v1".utf8) + place, size: 24)
    return AEAD.sealAlone(plain, key: key, nonce: nonce, additional: place)
  }

  private func place(_ word: String, _ fields: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(header)
    writer.raw(word.utf8)
    fields(&writer)
    return writer.bytes
  }

  private func bytes(of block: Block, _ ordinal: Int32) throws -> [UInt8] {
    let room = Fixture.room
    var lanes: [LaneTable.Lane] = []
    var sealed: [UInt8] = []
    for (number, lane) in block.lanes.enumerated() {
      let place = place("lane") { fields in
        fields.fixed(ordinal)
        fields.fixed(Int32(number))
        fields.fixed(room.rawValue)
        fields.fixed(lane.sender.rawValue)
      }
      let key = Fixture.keys.lane(lane.sender, room) ?? SecretBytes(random: 32)
      let bytes = Self.seal(lane.plain, key, place)
      lanes.append(LaneTable.Lane(sender: lane.sender, count: lane.count, length: bytes.count))
      sealed += bytes
    }
    let place = place("table") { fields in
      fields.fixed(ordinal)
      fields.fixed(room.rawValue)
      fields.fixed(block.first.createdAt.microseconds)
      fields.fixed(block.first.sequence)
    }
    let table = Self.seal(
      block.table ?? LaneTable(lanes: lanes, pace: 0).bytes, try Fixture.keys.table(room), place)
    let length = block.hasLongLength ? [UInt8(table.count) | 0x80, 0] : [UInt8(table.count)]
    return length + table + sealed + block.tail
  }

  /// The whole object.
  func bytes() throws -> [UInt8] {
    var object = header
    var entries: [BlockEntry] = []
    for (index, block) in blocks.enumerated() {
      let bytes = try bytes(of: block, Int32(index))
      let count = block.count ?? block.lanes.reduce(0) { $0 + $1.count }
      let last = Self.position(Int64(count) - 1)
      entries.append(
        BlockEntry(
          ordinal: Int32(index), conversation: Fixture.room, route: RouteKey(rawValue: 1),
          firstPosition: block.first, lastPosition: block.last ?? last, count: Int32(count), offset: 0,
          length: Int32(bytes.count), hash: BlockEntry.hash(of: bytes)))
      object += bytes
    }
    let offset = Int64(object.count)
    var footer = Directory.bytes(entries, period: Self.period)
    changeFooter(&footer)
    let period = Fixture.keys.period ?? SecretBytes(random: 32)
    let key = BLAKE2b.derive([period], context: Array("muniment/segment/footer/v1".utf8) + header[28..<44])
    let sealed = Self.seal(footer, key, place("footer") { $0.fixed(offset) })
    object += sealed
    var trailer = ByteWriter()
    trailer.fixed(offset)
    trailer.fixed(UInt32(sealed.count))
    trailer.fixed(UInt32(0))
    let unchanged = trailer.bytes + [UInt8](repeating: 0, count: 32) + SegmentTrailer.magic
    var end = unchanged
    changeTrailer(&end)
    if end[16..<48] == unchanged[16..<48] {
      end.replaceSubrange(16..<48, with: BLAKE2b.hash(object + end[..<16]))
    }
    return object + end
  }
}

extension HandMadeSegment {
  /// What no writer makes and every reader takes: numbers in more bytes than they need, large words for small steps,
  /// messages from the last to the first, shapes that are alike or nobody's, an empty rest, keys that would follow, ids
  /// that are counted as text, a frame that is longer than its text.
  static var odd: HandMadeSegment {
    var bits = BitWriter()
    for shape in [0, 1, 3, 0] as [UInt64] { bits.write(shape, bits: 2) }
    let (times, sequences) = (PositionCode.times[1], PositionCode.sequences[4])
    for (code, steps) in [(times, [3, -1, -1, -1]), (sequences, [3, -2, -2, -2])] as [(ClassCode, [Int64])] {
      for step in steps {
        code.write(code.escape, to: &bits)
        bits.write(UInt64(bitPattern: step), bits: 64)
      }
    }
    let type = Self.joined([64, 10], Array("text/plain".utf8))
    var keys = ByteWriter()
    var text: [UInt8] = []
    for name in ["m1", "m2", "m3", "m4"] {
      let key = Fixture.keys.messageKey(Array(name.utf8)[...]) ?? MessageKey(high: 0, low: 0)
      keys.fixed(key.high)
      keys.fixed(key.low)
      text += Self.joined([2], Array(name.utf8))
    }
    text += Self.joined([0x80, 0], Array("four\0three\0two\0one\0".utf8))
    let size = text.count
    let frame: [UInt8] = [0x20, UInt8(size), UInt8(size << 3 & 0xFF) | 1, UInt8(size >> 5), 0]
    let plain = Self.joined(
      [29, 0x84, 0], type, [32, 0], type, bits.finish(), keys.bytes, [0], frame, text)
    return HandMadeSegment(blocks: [Block(lanes: [Lane(count: 4, plain: plain)], hasLongLength: true)])
  }
}
