/// Bytes in PostgreSQL's binary wire format: big-endian, each field led by its length.
struct BinaryBuffer {
  private(set) var bytes: [UInt8] = []

  mutating func append<I: FixedWidthInteger>(_ value: I) {
    unsafe withUnsafeBytes(of: value.bigEndian) { (buffer: UnsafeRawBufferPointer) in
      unsafe bytes.append(contentsOf: buffer)
    }
  }

  mutating func append(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }

  mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Appends the value without its length. Returns false for null.
  mutating func append(_ value: PostgresValue) throws(PostgresError) -> Bool {
    switch value {
    case .null: return false
    case .bool(let value): append(UInt8(value ? 1 : 0))
    case .int2(let value): append(value)
    case .int4(let value): append(value)
    case .int8(let value): append(value)
    case .double(let value): append(value.bitPattern)
    case .text(let value): append(try Self.utf8(value))
    case .bytes(let value): append(value)
    case .timestamp(let value): append(PostgresEpoch.encode(value))
    case .json(let value):
      append(UInt8(1))  // version of jsonb's binary format
      append(try Self.utf8(value))
    case .int8Array(let values): appendArray(values, of: TypeOID.int8) { $0.appendSized($1) }
    case .int2Array(let values): appendArray(values, of: TypeOID.int2) { $0.appendSized($1) }
    case .boolArray(let values): appendArray(values, of: TypeOID.bool) { $0.appendSized(UInt8($1 ? 1 : 0)) }
    case .timestampArray(let values):
      appendArray(values, of: TypeOID.timestamptz) { $0.appendSized(PostgresEpoch.encode($1)) }
    case .bytesArray(let values): appendArray(values, of: TypeOID.bytea) { $0.appendSized($1) }
    case .textArray(let values):
      var checked: [String.UTF8View] = []
      for value in values { checked.append(try Self.utf8(value)) }
      appendArray(checked, of: TypeOID.text) { $0.appendSized(Array($1)) }
    }
    return true
  }

  /// PostgreSQL has no U+0000 in text. libpq would not notice in binary format; the server answers with an
  /// error that aborts the transaction, so it is refused here, before anything is sent.
  static func utf8(_ text: String) throws(PostgresError) -> String.UTF8View {
    guard !text.utf8.contains(0) else {
      throw PostgresError(.invalidValue, safeText: "text holds U+0000, which PostgreSQL cannot store")
    }
    return text.utf8
  }

  mutating func appendSized<I: FixedWidthInteger>(_ value: I) {
    append(Int32(I.bitWidth / 8))
    append(value)
  }

  mutating func appendSized(_ value: [UInt8]) {
    append(Int32(value.count))
    append(value)
  }

  /// One dimension, no nulls: dimensions, null flag, element type, size, lower bound, elements
  /// (`array_recv`).
  private mutating func appendArray<E>(
    _ values: [E], of type: UInt32, _ element: (inout BinaryBuffer, E) -> Void
  ) {
    append(Int32(values.isEmpty ? 0 : 1))
    append(Int32(0))
    append(type)
    guard !values.isEmpty else { return }
    append(Int32(values.count))
    append(Int32(1))
    for value in values { element(&self, value) }
  }
}
