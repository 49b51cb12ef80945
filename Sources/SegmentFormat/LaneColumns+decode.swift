import Model
import Zstd

/// Reads a lane in the order ``LaneColumns`` wrote it.
struct LaneColumnsReader {
  private let count: Int
  private let flags: UInt8
  private var columns: ByteReader
  /// Bytes of the lane as it was before compression.
  private(set) var bytesRead: Int

  private typealias Flag = LaneColumns.Flag
  private typealias Shape = PayloadShape

  init(_ bytes: [UInt8], count: Int) throws(MalformedBytes) {
    columns = ByteReader(bytes)
    flags = try columns.byte()
    guard flags & ~Flag.all == 0, flags & Flag.dictionary == 0 || flags & Flag.frame != 0 else {
      throw MalformedBytes("lane flags")
    }
    self.count = count
    bytesRead = bytes.count
  }

  var needsDictionary: Bool { flags & Flag.dictionary != 0 }

  /// - Parameter limit: of all bytes before compression.
  /// - Parameter key: what the tenant's hash makes of a message id, where lanes do not keep keys.
  mutating func messages(
    of conversation: ConversationID, by sender: SubjectID, period: Period, limit: Int,
    dictionary: ZstdDictionary?, key: (String) -> MessageKey?
  ) throws -> [StoredMessage] {
    guard columns.remaining <= limit else { throw ZstdError(.tooLarge) }
    let shapes = try shapes()
    let positions = try positions(period)
    let keys = flags & Flag.keys == 0 ? nil : try keys()
    var payloads = try LanePayloads(shapes, &columns)
    let rest = try columns.raw(columns.remaining)
    var text = rest
    if flags & Flag.frame != 0 {
      text = try LaneColumns.opened(rest, limit: limit - bytesRead, dictionary: dictionary)
      bytesRead += text.count - rest.count
    }
    let parts = try payloads.parts(ByteReader(text))
    return try parts.indices.map { index in
      let id = String(decoding: parts[index].id, as: UTF8.self)
      guard let key = try keys?[index] ?? known(parts[index], key(id)) else {
        throw SegmentError(.keyDestroyed, "the hash of message ids")
      }
      return StoredMessage(
        key: key, position: positions[index], conversation: conversation, sender: sender,
        payload: parts[index].payload)
    }
  }

  private func known(_ parts: PayloadParts, _ key: MessageKey?) throws(MalformedBytes) -> MessageKey? {
    guard !parts.isWhole else { throw MalformedBytes("message without key") }
    return key
  }

  private mutating func shapes() throws(MalformedBytes) -> [PayloadShape] {
    guard flags & Flag.shapes != 0 else { return Array(repeating: .plain, count: count) }
    var table: [PayloadShape] = []
    for _ in 0..<(try columns.count(limit: count)) {
      let bits = try columns.byte()
      let type = bits & Shape.contentType == 0 ? PayloadParts.text : try Shape.type(stored: columns.blob())
      table.append(try PayloadShape(bits: bits, contentType: type))
    }
    var shapes: [PayloadShape] = []
    for _ in 0..<count {
      let number = table.count > 1 ? try columns.count(limit: table.count) : 0
      guard number < table.count else { throw MalformedBytes("shape") }
      shapes.append(table[number])
    }
    return shapes
  }

  private mutating func positions(_ period: Period) throws(MalformedBytes) -> [MessagePosition] {
    let unit = LaneColumns.units[Int(flags / Flag.unit)]
    var times: [Int64] = []
    for index in 0..<count {
      times.append(
        index == 0 ? try columns.signed() : times[index - 1] &+ Int64(bitPattern: try columns.varint()))
    }
    var sequence: Int64 = 0
    var positions: [MessagePosition] = []
    for time in times {
      sequence &+= try columns.signed()
      positions.append(
        MessagePosition(
          createdAt: Timestamp(microseconds: period.start.microseconds &+ time &* unit), sequence: sequence))
    }
    return positions
  }

  private mutating func keys() throws(MalformedBytes) -> [MessageKey] {
    var keys: [MessageKey] = []
    for _ in 0..<count {
      keys.append(MessageKey(high: try columns.fixed(Int64.self), low: try columns.fixed(Int64.self)))
    }
    return keys
  }
}
