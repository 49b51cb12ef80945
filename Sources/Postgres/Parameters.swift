/// Parameters of one statement, laid out in one buffer.
struct Parameters {
  private var buffer = BinaryBuffer()
  private var types: [UInt32] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  /// Where each value starts; nil for null.
  private var offsets: [Int?] = []

  init(_ values: [PostgresValue]) throws(PostgresError) {
    // One byte in front, so that an empty value has an address too: a null pointer would mean NULL.
    buffer.append(UInt8(0))
    for value in values {
      let start = buffer.bytes.count
      let isPresent = try buffer.append(value)
      types.append(value.typeOID)
      lengths.append(Int32(clamping: buffer.bytes.count - start))
      formats.append(1)
      offsets.append(isPresent ? start : nil)
    }
    guard buffer.bytes.count < Int32.max else {
      throw PostgresError(.invalidValue, safeText: "the parameters of a statement exceed 2 GiB")
    }
  }

  /// Lends the five arrays of `PQexecParams`; libpq copies them before it returns.
  func withPointers<R>(
    _ body: (
      UnsafePointer<UInt32>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?,
      UnsafePointer<Int32>?
    ) -> R
  ) -> R {
    unsafe buffer.bytes.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
      let base = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
      let pointers = unsafe offsets.map { unsafe $0.map { unsafe base + $0 } }
      return unsafe body(types, pointers, lengths, formats)
    }
  }
}

/// Strings as a null-terminated array of C strings, for `PQconnectdbParams`.
struct CStrings {
  private let bytes: [UInt8]
  private let offsets: [Int]

  init(_ strings: [String]) {
    var bytes: [UInt8] = []
    offsets = strings.map { string in
      defer { bytes += Array(string.utf8) + [0] }
      return bytes.count
    }
    self.bytes = bytes
  }

  func withPointers<R>(_ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    unsafe bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
      let base = unsafe buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
      let pointers = unsafe offsets.map { unsafe Optional(base + $0) } + [nil]
      return unsafe body(pointers)
    }
  }
}
