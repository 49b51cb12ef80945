import Model
import Zstd

/// One author's messages of a block, column by column. Numbers, random ids and ciphertext come first and are never
/// compressed; what people wrote, and whatever else is text, lies behind them in one zstd frame.
struct LaneColumns {
  private var columns = ByteWriter()
  private var text = ByteWriter()
  private var flags: UInt8 = 0
  private(set) var costs = ColumnCosts()

  static let units: [Int64] = [1, 1_000, 1_000_000, 60_000_000]
  /// Every frame begins with these, so none keeps them (RFC 8878, 3.1.1).
  private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  enum Flag {
    static let frame: UInt8 = 1
    static let dictionary: UInt8 = 2
    static let keys: UInt8 = 4
    static let shapes: UInt8 = 8
    /// Two bits: the unit of times.
    static let unit: UInt8 = 16
    static let all: UInt8 = 63
  }

  /// Bytes before compression.
  var count: Int { columns.bytes.count + text.bytes.count + 1 }

  /// - Parameter key: what the tenant's hash makes of a message id; where it gives every message's key, none is kept.
  init(_ messages: [StoredMessage], period: Period, key: (String) -> MessageKey?) {
    let parts = messages.map { PayloadParts(payload: $0.payload) }
    let shapes = parts.map { PayloadShape($0) }
    write(shapes)
    write(positions: messages.map(\.position), from: period.start.microseconds)
    let keysFollow = zip(messages, parts).allSatisfy { message, parts in
      !parts.isWhole && key(String(decoding: parts.id, as: UTF8.self)) == message.key
    }
    if !keysFollow { write(keys: messages.map(\.key)) }
    charge(.ids) { lane in
      for ids in PayloadParts.ids(parts) { IDColumn.write(ids, to: &lane.columns, text: &lane.text) }
    }
    charge(.ciphertext) { lane in
      for part in parts { lane.writeBytes(of: part.body) }
    }
    for part in parts where part.isWhole || !part.rest.isEmpty { text.blob(part.rest) }
    for part in parts where !part.isWhole {
      guard case .plain(let body) = part.body else { continue }
      text.raw(body)
      text.byte(0)
    }
    costs.addText(text.bytes.count)
  }

  private mutating func charge(_ column: ColumnCosts.Column, _ body: (inout LaneColumns) -> Void) {
    let before = columns.bytes.count
    body(&self)
    costs.add(columns.bytes.count - before, to: column)
  }

  private mutating func write(_ shapes: [PayloadShape]) {
    guard shapes.contains(where: { $0 != .plain }) else { return }
    flags |= Flag.shapes
    var numbers: [PayloadShape: Int] = [:]
    var table = ByteWriter()
    var order: [Int] = []
    for shape in shapes {
      let number = numbers[shape] ?? numbers.count
      if number == numbers.count {
        numbers[shape] = number
        table.byte(shape.bits)
        if shape.has(PayloadShape.contentType) { table.blob(shape.storedType) }
      }
      order.append(number)
    }
    charge(.header) { lane in
      lane.columns.varint(numbers.count)
      lane.columns.raw(table.bytes)
      if numbers.count > 1 { for number in order { lane.columns.varint(number) } }
    }
  }

  private mutating func write(positions: [MessagePosition], from start: Int64) {
    let times = positions.map { $0.createdAt.microseconds &- start }
    let unit = Self.units.lastIndex { unit in times.allSatisfy { $0 % unit == 0 } } ?? 0
    flags |= UInt8(unit) * Flag.unit
    charge(.times) { lane in
      var last: Int64?
      for time in times.map({ $0 / Self.units[unit] }) {
        if let last {
          lane.columns.varint(UInt64(bitPattern: time &- last))
        } else {
          lane.columns.signed(time)
        }
        last = time
      }
    }
    charge(.sequences) { lane in
      var last: Int64 = 0
      for position in positions {
        lane.columns.signed(position.sequence &- last)
        last = position.sequence
      }
    }
  }

  private mutating func write(keys: [MessageKey]) {
    flags |= Flag.keys
    charge(.keys) { lane in
      for key in keys {
        lane.columns.fixed(key.high)
        lane.columns.fixed(key.low)
      }
    }
  }

  /// What of a body does not compress.
  private mutating func writeBytes(of body: PayloadParts.Body) {
    switch body {
    case .plain: break
    case .encoded(let bytes): columns.blob(bytes)
    case .sealed(let sealed):
      columns.blob(sealed.ciphertext)
      columns.varint(sealed.wrappedKeys.count * 2 + (sealed.keyID == nil ? 0 : 1))
      if let id = sealed.keyID { text.text(id) }
      for (device, key) in sealed.wrappedKeys.sorted(by: { $0.key < $1.key }) {
        text.text(device)
        columns.blob(key)
      }
    }
  }

  /// The flags, the columns, then the text: in a frame where that is smaller.
  mutating func packed(_ dictionary: ZstdDictionary?) -> [UInt8] {
    let plain = text.bytes
    let frame =
      dictionary.map { ZstdFrame.compress(plain, dictionary: $0) }
      ?? ZstdFrame.compress(plain, level: SegmentWriter.compressionLevel)
    let isSmaller = frame.count - Self.magic.count < plain.count
    let kept = isSmaller ? frame.dropFirst(Self.magic.count) : plain[...]
    if isSmaller { flags |= dictionary == nil ? Flag.frame : Flag.frame | Flag.dictionary }
    costs.add(1, to: .header)
    costs.add(kept.count, to: .text)
    return [flags] + columns.bytes + kept
  }

  /// A frame as it was before its first bytes were left out.
  static func opened(_ frame: [UInt8], limit: Int, dictionary: ZstdDictionary?) throws(ZstdError) -> [UInt8] {
    try ZstdFrame.decompress(magic + frame, limit: limit, dictionary: dictionary)
  }
}

extension PayloadParts {
  /// The ids of messages, of those they reply to, of threads, and those that clients gave: each a column.
  fileprivate static func ids(_ parts: [PayloadParts]) -> [[[UInt8]]] {
    [
      parts.filter { !$0.isWhole }.map(\.id), parts.compactMap(\.reply), parts.compactMap(\.thread),
      parts.compactMap(\.client),
    ]
  }
}
