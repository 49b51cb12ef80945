import Model
import Zstd

/// A lane as it was read: what its messages reply to is still told by numbers.
struct LaneContents {
  let positions: [MessagePosition]
  /// `nil` where they follow from message ids.
  let keys: [MessageKey]?
  let parts: [PayloadParts]
}

/// Reads a lane in the order ``LaneColumns`` wrote it.
struct LaneColumnsReader {
  private let count: Int
  private let flags: UInt8
  private let bytes: [UInt8]
  private var columns: ByteReader
  /// Bytes of the lane as it was before compression.
  private(set) var bytesRead: Int

  private typealias Flag = LaneColumns.Flag
  private typealias Shape = PayloadShape

  init(_ bytes: [UInt8], count: Int) throws(MalformedBytes) {
    columns = ByteReader(bytes)
    flags = try columns.byte()
    let form = flags & (Flag.frame | Flag.block)
    guard flags & ~Flag.all == 0, form != Flag.frame | Flag.block, flags & Flag.dictionary == 0 || form != 0
    else { throw MalformedBytes("lane flags") }
    self.bytes = bytes
    self.count = count
    bytesRead = bytes.count
  }

  var needsDictionary: Bool { flags & Flag.dictionary != 0 }

  /// - Parameter limit: of all bytes before compression.
  mutating func contents(in origin: BlockOrigin, limit: Int, dictionary: ZstdDictionary?) throws
    -> LaneContents
  {
    let table = try shapeTable()
    var bits = BitReader(bytes, from: columns.offset)
    let shapes = try shapes(table, &bits)
    let positions = try positions(origin, &bits)
    let replies = try replies(shapes, origin, &bits)
    columns = ByteReader(bytes, in: try bits.finish()..<bytes.count)
    let keys = flags & Flag.keys == 0 ? nil : try keys()
    guard keys != nil || !shapes.contains(where: { $0.has(Shape.whole) }) else {
      throw MalformedBytes("message without key")
    }
    var payloads = try LanePayloads(shapes, replies, &columns)
    let rest = try columns.raw(columns.remaining)
    let room = limit - (bytes.count - rest.count)
    let text = try text(rest, room, dictionary)
    guard text.count <= room else { throw ZstdError(.tooLarge) }
    bytesRead += text.count - rest.count
    return LaneContents(positions: positions, keys: keys, parts: try payloads.parts(ByteReader(text)))
  }

  private func text(_ bytes: [UInt8], _ limit: Int, _ dictionary: ZstdDictionary?) throws(ZstdError)
    -> [UInt8]
  {
    if flags & Flag.block != 0 {
      return try ZstdFrame.decompressBlock(bytes, limit: limit, dictionary: dictionary)
    }
    guard flags & Flag.frame != 0 else { return bytes }
    return try LaneColumns.opened(bytes, limit: limit, dictionary: dictionary)
  }

  private mutating func shapeTable() throws(MalformedBytes) -> [PayloadShape] {
    guard flags & Flag.shapes != 0 else { return [.plain] }
    var table: [PayloadShape] = []
    for _ in 0..<(try columns.count(limit: count)) {
      let bits = try columns.byte()
      let type =
        bits & Shape.contentType == 0 ? PayloadParts.text[...] : try Shape.type(stored: columns.blob()[...])
      table.append(try PayloadShape(bits: bits, contentType: type))
    }
    guard !table.isEmpty else { throw MalformedBytes("shape") }
    return table
  }

  private func shapes(_ table: [PayloadShape], _ bits: inout BitReader) throws(MalformedBytes)
    -> [PayloadShape]
  {
    guard table.count > 1 else { return Array(repeating: table[0], count: count) }
    let width = UInt64(table.count - 1).bitLength
    var shapes: [PayloadShape] = []
    shapes.reserveCapacity(count)
    for _ in 0..<count {
      let number = Int(try bits.read(width))
      guard number < table.count else { throw MalformedBytes("shape") }
      shapes.append(table[number])
    }
    return shapes
  }

  private func positions(_ origin: BlockOrigin, _ bits: inout BitReader) throws(MalformedBytes)
    -> [MessagePosition]
  {
    let number = Int((flags & Flag.unitMask) / Flag.unit)
    let unit = LaneColumns.units[number]
    var steps: [UInt64] = []
    steps.reserveCapacity(count)
    for _ in 0..<count { steps.append(try step(PositionCode.times[number], shift: 0, &bits)) }
    var time = (origin.first.createdAt.microseconds &- origin.start) / unit
    var sequence = origin.first.sequence
    var positions: [MessagePosition] = []
    positions.reserveCapacity(count)
    for (index, passed) in steps.enumerated() {
      let (code, shift) = origin.sequenceCode(after: passed &* UInt64(unit))
      time &+= Int64(bitPattern: passed)
      sequence &+= Int64(bitPattern: try step(code, shift: shift, &bits)) &+ (index == 0 ? 0 : 1)
      positions.append(
        MessagePosition(
          createdAt: Timestamp(microseconds: origin.start &+ time &* unit), sequence: sequence))
    }
    return positions
  }

  private func step(_ code: ClassCode, shift: Int, _ bits: inout BitReader) throws(MalformedBytes) -> UInt64 {
    let symbol = try code.read(from: &bits)
    guard symbol != code.escape else { return try bits.read(64) }
    guard symbol >= shift else { throw MalformedBytes("size of a number") }
    return try bits.readRest(symbol - shift)
  }

  /// For each reply a message's number in the block, 0 for one that is gone, or `nil` for an id among the columns.
  private func replies(_ shapes: [PayloadShape], _ origin: BlockOrigin, _ bits: inout BitReader)
    throws(MalformedBytes) -> [Int?]
  {
    var replies: [Int?] = []
    for shape in shapes {
      guard shape.has(Shape.reply), try bits.read(1) == 1 else {
        replies.append(nil)
        continue
      }
      let number = Int(try bits.read(origin.referenceBits))
      guard number <= origin.count else { throw MalformedBytes("reply to no message") }
      replies.append(number)
    }
    return replies
  }

  private mutating func keys() throws(MalformedBytes) -> [MessageKey] {
    var keys: [MessageKey] = []
    for _ in 0..<count {
      keys.append(MessageKey(high: try columns.fixed(Int64.self), low: try columns.fixed(Int64.self)))
    }
    return keys
  }
}
