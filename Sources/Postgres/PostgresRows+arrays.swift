/// One-dimensional arrays without nulls, as `array_agg` and array columns give them.
extension PostgresRows {
  package func int64Array(_ row: Int, _ column: Int) -> [Int64] {
    unsafe elements(row, column) { type, bytes in
      switch type {
      case TypeOID.int8: unsafe bytes.bigEndian(0, as: Int64.self)
      case TypeOID.int4: unsafe Int64(bytes.bigEndian(0, as: Int32.self))
      case TypeOID.int2: unsafe Int64(bytes.bigEndian(0, as: Int16.self))
      default: mismatch(column, "an array of integers")
      }
    }
  }

  package func textArray(_ row: Int, _ column: Int) -> [String] {
    unsafe elements(row, column) { _, bytes in unsafe String(decoding: bytes, as: UTF8.self) }
  }

  package func bytesArray(_ row: Int, _ column: Int) -> [[UInt8]] {
    unsafe elements(row, column) { _, bytes in unsafe Array(bytes) }
  }

  package func boolArray(_ row: Int, _ column: Int) -> [Bool] {
    unsafe elements(row, column) { type, bytes in
      if type != TypeOID.bool { mismatch(column, "an array of bool") }
      return unsafe bytes[0] != 0
    }
  }

  /// Microseconds since 1970-01-01 UTC.
  package func timestampArray(_ row: Int, _ column: Int) -> [Int64] {
    unsafe elements(row, column) { type, bytes in
      if type != TypeOID.timestamptz { mismatch(column, "an array of timestamptz") }
      return unsafe PostgresEpoch.decode(bytes.bigEndian(0, as: Int64.self))
    }
  }

  /// Layout: dimensions, null flag, element type, then size and lower bound, then sized elements
  /// (`array_send`).
  private func elements<E>(
    _ row: Int, _ column: Int, _ read: (UInt32, UnsafeRawBufferPointer) -> E
  ) -> [E] {
    unsafe field(row, column) { bytes in
      let dimensions = unsafe bytes.bigEndian(0, as: Int32.self)
      guard dimensions > 0 else { return [] }
      precondition(dimensions == 1, "column \(column) has more than one dimension")
      let type = unsafe bytes.bigEndian(8, as: UInt32.self)
      var offset = 20
      return unsafe (0..<bytes.bigEndian(12, as: Int32.self)).map { _ in
        let length = unsafe Int(bytes.bigEndian(offset, as: Int32.self))
        precondition(length >= 0, "column \(column) holds a null in its array")
        let element = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset + 4..<offset + 4 + length])
        offset += 4 + length
        return unsafe read(type, element)
      }
    }
  }
}

enum Numeric {
  /// Layout: digit count, weight of the first digit, sign, scale, then digits in base 10,000
  /// (`numeric_send`).
  static func int64(_ bytes: UnsafeRawBufferPointer) -> Int64 {
    let digits = unsafe Int(bytes.bigEndian(0, as: Int16.self))
    let weight = unsafe Int(bytes.bigEndian(2, as: Int16.self))
    let sign = unsafe bytes.bigEndian(4, as: UInt16.self)
    precondition(sign == 0 || sign == 0x4000, "a numeric is not a number")
    precondition(digits <= weight + 1, "a numeric with a fraction was read as an integer")
    guard digits > 0 else { return 0 }
    // Summed on the negative side, which reaches one further.
    let value = (0...weight).reduce(Int64(0)) { sum, place in
      let digit = unsafe place < digits ? Int64(bytes.bigEndian(8 + 2 * place, as: Int16.self)) : 0
      return sum * 10_000 - digit
    }
    return sign == 0 ? -value : value
  }
}
