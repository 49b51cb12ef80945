/// Writes the house's compact binary forms: little-endian base-128 integers (LEB128) and length-prefixed bytes.
package struct ByteWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package init(reservingCapacity capacity: Int) { bytes.reserveCapacity(capacity) }

  package mutating func byte(_ value: UInt8) { bytes.append(value) }

  package mutating func raw(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }

  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  package mutating func varint(_ value: Int) { varint(UInt64(value)) }

  /// A signed number, zig-zag coded so that small negatives stay short.
  package mutating func signed(_ value: Int64) { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

  /// Little-endian. Widened first, as arithmetic on the unspecialised type costs twenty times as much.
  package mutating func fixed<Number: FixedWidthInteger>(_ value: Number) {
    var rest = UInt64(truncatingIfNeeded: value)
    for _ in 0..<(Number.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  package mutating func blob(_ value: [UInt8]) {
    varint(value.count)
    bytes.append(contentsOf: value)
  }

  package mutating func text(_ value: String) {
    varint(value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }
}

/// The bytes are not what their form allows: cut short, too long, or out of range.
package struct MalformedBytes: Error, Hashable, CustomStringConvertible {
  package let what: String
  package init(_ what: String) { self.what = what }
  package var description: String { "malformed bytes: \(what)" }
}

/// Reads what ``ByteWriter`` wrote; every read is checked against the end.
package struct ByteReader: Sendable {
  private let bytes: [UInt8]
  package private(set) var offset: Int
  private let end: Int

  package init(_ bytes: [UInt8]) { self.init(bytes, in: 0..<bytes.count) }

  package init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    self.offset = range.lowerBound
    self.end = range.upperBound
  }

  package var atEnd: Bool { offset == end }
  package var remaining: Int { end - offset }

  package mutating func byte() throws(MalformedBytes) -> UInt8 {
    guard offset < end else { throw MalformedBytes("ended early") }
    offset += 1
    return bytes[offset - 1]
  }

  package mutating func varint() throws(MalformedBytes) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let next = try byte()
      guard shift < 63 || next <= 1 else { throw MalformedBytes("number over 64 bits") }
      value |= UInt64(next & 0x7F) << shift
      if next & 0x80 == 0 { return value }
    }
    throw MalformedBytes("number over 64 bits")
  }

  /// A count or length, at most `limit`.
  package mutating func count(limit: Int = 1 << 30) throws(MalformedBytes) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw MalformedBytes("count over \(limit)") }
    return Int(value)
  }

  package mutating func signed() throws(MalformedBytes) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
  }

  package mutating func fixed<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(MalformedBytes)
    -> Number
  {
    var value: UInt64 = 0
    for shift in 0..<(Number.bitWidth / 8) { value |= UInt64(try byte()) << UInt64(shift * 8) }
    return Number(truncatingIfNeeded: value)
  }

  package mutating func raw(_ count: Int) throws(MalformedBytes) -> [UInt8] {
    guard count >= 0, count <= remaining else { throw MalformedBytes("ended early") }
    offset += count
    return Array(bytes[(offset - count)..<offset])
  }

  package mutating func blob() throws(MalformedBytes) -> [UInt8] {
    try raw(try count(limit: remaining))
  }

  /// Passes over what ``blob()`` would return.
  package mutating func skip() throws(MalformedBytes) {
    let length = try count(limit: remaining)
    offset += length
  }

  /// Up to the next zero byte, which is read too and not returned.
  package mutating func terminated() throws(MalformedBytes) -> [UInt8] {
    guard let stop = bytes[offset..<end].firstIndex(of: 0) else { throw MalformedBytes("no zero byte") }
    let start = offset
    offset = stop + 1
    return Array(bytes[start..<stop])
  }

  package mutating func text() throws(MalformedBytes) -> String {
    guard let text = String(validating: try blob(), as: UTF8.self) else {
      throw MalformedBytes("text is not UTF-8")
    }
    return text
  }
}
