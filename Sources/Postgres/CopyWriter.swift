import CPostgres

/// Writes the rows of a binary COPY. A row is ``beginRow(columns:)`` followed by exactly that many fields.
///
/// Errors are kept and thrown when the copy ends, so that filling needs no `try` per field.
@safe
package struct CopyWriter: ~Copyable {
  private let connection: OpaquePointer
  private var buffer = BinaryBuffer()
  private var missingFields = 0
  private var failure: PostgresError?

  /// Larger buffers gain nothing measurable.
  private static let bufferBytes = 65_536

  init(connection: OpaquePointer) {
    unsafe self.connection = unsafe connection
    buffer.reserve(Self.bufferBytes + 4_096)
    buffer.append(Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
    buffer.append(Int32(0))  // flags
    buffer.append(Int32(0))  // length of the header's extension
  }

  package mutating func beginRow(columns: Int) {
    precondition(missingFields == 0, "the row before lacks \(missingFields) fields")
    if buffer.bytes.count >= Self.bufferBytes { flush() }
    buffer.append(Int16(columns))
    missingFields = columns
  }

  package mutating func bool(_ value: Bool) {
    field()
    buffer.appendSized(UInt8(value ? 1 : 0))
  }

  package mutating func int2(_ value: Int16) {
    field()
    buffer.appendSized(value)
  }

  package mutating func int4(_ value: Int32) {
    field()
    buffer.appendSized(value)
  }

  package mutating func int8(_ value: Int64) {
    field()
    buffer.appendSized(value)
  }

  package mutating func double(_ value: Double) {
    field()
    buffer.appendSized(value.bitPattern)
  }

  /// Microseconds since 1970-01-01 UTC.
  package mutating func timestamp(microseconds: Int64) {
    field()
    buffer.appendSized(PostgresEpoch.encode(microseconds))
  }

  package mutating func bytes(_ value: [UInt8]) {
    field()
    buffer.appendSized(value)
    if buffer.bytes.count >= 4 * Self.bufferBytes { flush() }
  }

  /// U+0000 makes the whole copy fail with `invalidValue`.
  package mutating func text(_ value: String) {
    if value.utf8.contains(0), failure == nil {
      failure = PostgresError(.invalidValue, safeText: "text holds U+0000, which PostgreSQL cannot store")
    }
    bytes(Array(value.utf8))
  }

  package mutating func null() {
    field()
    buffer.append(Int32(-1))
  }

  private mutating func field() {
    precondition(missingFields > 0, "more fields than beginRow announced")
    missingFields -= 1
  }

  /// Sends the trailer and what is left.
  mutating func finish() throws(PostgresError) {
    precondition(missingFields == 0, "the last row lacks \(missingFields) fields")
    buffer.append(Int16(-1))
    flush()
    if let failure { throw failure }
  }

  private mutating func flush() {
    defer { buffer.removeAll() }
    guard failure == nil else { return }
    let sent = unsafe buffer.bytes.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
      let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      return unsafe PQputCopyData(connection, start, Int32(bytes.count))
    }
    if sent != 1 { failure = unsafe .lost(connection) }
  }
}
