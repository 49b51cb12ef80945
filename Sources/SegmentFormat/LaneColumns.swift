import Model
import Zstd

/// One author's messages of a block, column by column. Numbers, random ids and ciphertext come first and are never
/// compressed; what people wrote, and whatever else is text, lies behind them as zstd makes it.
struct LaneColumns {
  private var columns = ByteWriter()
  private var bits = BitWriter()
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
    static let unitMask: UInt8 = 48
    /// The one block of a frame, without its headers.
    static let block: UInt8 = 64
    static let all: UInt8 = 127
  }

  /// Bytes before compression.
  var count: Int { columns.bytes.count + text.bytes.count + 1 }

  /// - Parameters:
  ///   - parts: the messages' payloads, taken apart.
  ///   - references: the numbers in the block of the lane's messages that others of it reply to.
  ///   - key: what the tenant's hash makes of a message id; where it gives every message's key, none is kept.
  init(
    _ messages: [StoredMessage], _ parts: [PayloadParts], in origin: BlockOrigin,
    references: LaneReferences = LaneReferences(), key: (PayloadParts.Bytes) -> MessageKey?
  ) {
    let order = write(shapes: parts)
    charge(.header) { lane in lane.write(order) }
    write(positions: messages.map(\.position), in: origin)
    let replies = parts.compactMap(\.reply)
    let numbers = replies.map { references.number(of: $0) }
    charge(.ids) { lane in
      for number in numbers {
        lane.bits.write(number == nil ? 0 : 1, bits: 1)
        if let number { lane.bits.write(UInt64(number), bits: origin.referenceBits) }
      }
    }
    columns.raw(bits.finish())
    bits = BitWriter()
    let keysFollow = zip(messages, parts).allSatisfy { message, parts in
      !parts.isWhole && key(parts.id) == message.key
    }
    if !keysFollow { write(keys: messages.map(\.key)) }
    let whole = zip(replies, numbers).filter { $0.1 == nil }.map(\.0)
    charge(.ids) { lane in
      for ids in [
        parts.filter { !$0.isWhole }.map(\.id), whole, parts.compactMap(\.thread), parts.compactMap(\.client),
      ] { IDColumn.write(ids, to: &lane.columns, text: &lane.text) }
    }
    charge(.ciphertext) { lane in
      for part in parts { lane.writeBytes(of: part.body) }
    }
    writeText(parts)
    costs.addText(text.bytes.count)
  }

  private mutating func writeText(_ parts: [PayloadParts]) {
    for part in parts where part.isWhole || !part.rest.isEmpty {
      text.varint(part.rest.count)
      text.raw(part.rest)
    }
    for part in parts where !part.isWhole {
      guard case .plain(let body) = part.body else { continue }
      text.raw(body)
      text.byte(0)
    }
  }

  /// Bytes and whole bytes of bits that the body adds.
  private mutating func charge(_ column: ColumnCosts.Column, _ body: (inout LaneColumns) -> Void) {
    let before = columns.bytes.count + (bits.count + 7) / 8
    body(&self)
    costs.add(columns.bytes.count + (bits.count + 7) / 8 - before, to: column)
  }

  /// The table of shapes; returns each message's number in it, and of how many.
  private mutating func write(shapes parts: [PayloadParts]) -> (numbers: [Int], of: Int) {
    let shapes = parts.map { PayloadShape($0) }
    guard shapes.contains(where: { $0 != .plain }) else { return ([], 1) }
    flags |= Flag.shapes
    var numbers: [PayloadShape: Int] = [:]
    var table = ByteWriter()
    var order: [Int] = []
    for shape in shapes {
      let number = numbers[shape] ?? numbers.count
      if number == numbers.count {
        numbers[shape] = number
        table.byte(shape.bits)
        if shape.has(PayloadShape.contentType) { table.blob(Array(shape.storedType)) }
      }
      order.append(number)
    }
    charge(.header) { lane in
      lane.columns.varint(numbers.count)
      lane.columns.raw(table.bytes)
    }
    return (order, numbers.count)
  }

  private mutating func write(_ shapes: (numbers: [Int], of: Int)) {
    let width = UInt64(shapes.of - 1).bitLength
    for number in shapes.numbers { bits.write(UInt64(number), bits: width) }
  }

  private mutating func write(positions: [MessagePosition], in origin: BlockOrigin) {
    let times = positions.map { $0.createdAt.microseconds &- origin.start }
    let number = Self.units.lastIndex { unit in times.allSatisfy { $0 % unit == 0 } } ?? 0
    flags |= UInt8(number) * Flag.unit
    let unit = Self.units[number]
    var last = (origin.first.createdAt.microseconds &- origin.start) / unit
    var steps: [UInt64] = []
    steps.reserveCapacity(times.count)
    charge(.times) { lane in
      let code = PositionCode.times[number]
      for time in times {
        let step = UInt64(bitPattern: time / unit &- last)
        lane.write(step, code, shift: 0)
        steps.append(step)
        last = time / unit
      }
    }
    charge(.sequences) { lane in
      var last = origin.first.sequence
      for (index, position) in positions.enumerated() {
        let step = position.sequence &- last &- (index == 0 ? 0 : 1)
        let (code, shift) = origin.sequenceCode(after: steps[index] &* UInt64(unit))
        lane.write(UInt64(bitPattern: step), code, shift: shift)
        last = position.sequence
      }
    }
  }

  /// The size by a word, the rest in bits; as it is behind the last word, where the size has none.
  private mutating func write(_ number: UInt64, _ code: ClassCode, shift: Int) {
    let symbol = number.bitLength + shift
    guard number >> 63 == 0, (0..<code.escape).contains(symbol) else {
      code.write(code.escape, to: &bits)
      bits.write(number, bits: 64)
      return
    }
    code.write(symbol, to: &bits)
    bits.writeRest(of: number, number.bitLength)
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
      if let id = sealed.keyID { text.blob(id) }
      for (name, key) in sealed.wrappedKeys {
        text.blob(name)
        columns.blob(key)
      }
    }
  }

  /// The flags, the columns, then the text: as zstd makes it where that is smaller.
  mutating func packed(_ dictionary: ZstdDictionary?) -> [UInt8] {
    let plain = text.bytes
    let (form, kept) = compressed(plain, dictionary)
    if form != 0 { flags |= dictionary == nil ? form : form | Flag.dictionary }
    costs.add(1, to: .header)
    costs.add(kept.count, to: .text)
    var writer = ByteWriter(reservingCapacity: 1 + columns.bytes.count + kept.count)
    writer.byte(flags)
    writer.raw(columns.bytes)
    writer.raw(kept)
    return writer.bytes
  }

  private func compressed(_ plain: [UInt8], _ dictionary: ZstdDictionary?) -> (form: UInt8, bytes: [UInt8]) {
    guard !plain.isEmpty else { return (0, plain) }
    let level = SegmentWriter.compressionLevel
    switch ZstdFrame.compressLean(plain, level: level, dictionary: dictionary) {
    case .block(let block): return block.count < plain.count ? (Flag.block, block) : (0, plain)
    case .frame(let frame):
      guard frame.count - Self.magic.count < plain.count else { return (0, plain) }
      return (Flag.frame, Array(frame.dropFirst(Self.magic.count)))
    }
  }

  /// A frame as it was before its first bytes were left out.
  static func opened(_ frame: [UInt8], limit: Int, dictionary: ZstdDictionary?) throws(ZstdError) -> [UInt8] {
    try ZstdFrame.decompress(magic + frame, limit: limit, dictionary: dictionary)
  }
}

/// The numbers, in a block, of messages of a lane that others of it reply to. Of its own lane only: a number for
/// somebody else's message would say nothing any more once that author's key is gone.
struct LaneReferences {
  private var numbers: [UInt64: (id: PayloadParts.Bytes, number: Int)] = [:]

  init() {}

  /// - Parameter before: messages of the lanes before this one, as numbers count the block's from 1.
  init(_ parts: [PayloadParts], after before: Int) {
    guard parts.contains(where: { $0.reply != nil }) else { return }
    for (index, part) in parts.enumerated() where !part.isWhole {
      numbers[Self.fingerprint(part.id)] = (part.id, before + index + 1)
    }
  }

  /// 0 for an empty id, which is what is left of a reply to a message that is gone; `nil` for one that is not here. Two
  /// ids with one fingerprint cost room and nothing else.
  func number(of id: PayloadParts.Bytes) -> Int? {
    guard !id.isEmpty else { return 0 }
    guard let found = numbers[Self.fingerprint(id)], found.id.elementsEqual(id) else { return nil }
    return found.number
  }

  private static func fingerprint(_ id: PayloadParts.Bytes) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in id { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }
}
