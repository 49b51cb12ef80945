import Model

/// Numbers of any width one behind the other, from the lowest bit of each byte up; zeros fill the last byte.
struct BitWriter {
  private(set) var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var pendingCount = 0

  /// Bits written so far.
  var count: Int { bytes.count * 8 + pendingCount }

  /// The lowest bits of a number, which has no others.
  mutating func write(_ value: UInt64, bits: Int) {
    guard bits <= 32 else {
      write(value & 0xFFFF_FFFF, bits: 32)
      write(value >> 32, bits: bits - 32)
      return
    }
    pending |= value << UInt64(pendingCount)
    pendingCount += bits
    while pendingCount >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      pendingCount -= 8
    }
  }

  /// How many bits a number has, in `width` bits, and those below its highest.
  mutating func write(sized value: UInt64, width: Int) {
    let size = value.bitLength
    write(UInt64(size), bits: width)
    writeRest(of: value, size)
  }

  /// What of a number is not known from its size: all bits but the highest.
  mutating func writeRest(of value: UInt64, _ size: Int) {
    if size > 1 { write(value & ~(1 << UInt64(size - 1)), bits: size - 1) }
  }

  /// All bytes, the last one filled up.
  mutating func finish() -> [UInt8] {
    if pendingCount > 0 { write(0, bits: 8 - pendingCount) }
    return bytes
  }
}

/// Reads what ``BitWriter`` wrote.
struct BitReader {
  private let bytes: [UInt8]
  private let end: Int
  private var next: Int
  private var pending: UInt64 = 0
  private var pendingCount = 0

  /// - Parameter start: where the bits begin; they may go on to the end.
  init(_ bytes: [UInt8], from start: Int) {
    self.bytes = bytes
    next = start
    end = bytes.count
  }

  mutating func read(_ bits: Int) throws(MalformedBytes) -> UInt64 {
    guard bits <= 32 else {
      let low = try read(32)
      return low | (try read(bits - 32)) << 32
    }
    while pendingCount < bits {
      guard next < end else { throw MalformedBytes("bits ended early") }
      pending |= UInt64(bytes[next]) << UInt64(pendingCount)
      next += 1
      pendingCount += 8
    }
    let value = pending & ((1 << UInt64(bits)) - 1)
    pending >>= UInt64(bits)
    pendingCount -= bits
    return value
  }

  mutating func readSized(width: Int) throws(MalformedBytes) -> UInt64 {
    try readRest(Int(try read(width)))
  }

  /// A number of `size` bits from all but its highest.
  mutating func readRest(_ size: Int) throws(MalformedBytes) -> UInt64 {
    guard size <= 64 else { throw MalformedBytes("number over 64 bits") }
    guard size > 1 else { return UInt64(size) }
    return try read(size - 1) | 1 << UInt64(size - 1)
  }

  /// Where the bytes after the bits begin. What fills the last byte must be zeros.
  func finish() throws(MalformedBytes) -> Int {
    guard pending == 0, pendingCount < 8 else { throw MalformedBytes("bits left over") }
    return next
  }
}

extension UInt64 {
  /// The place of its highest bit, from 1; 0 for 0.
  var bitLength: Int { bitWidth - leadingZeroBitCount }
}
