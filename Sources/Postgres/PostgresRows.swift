import CPostgres

/// What a statement returned: rows in binary format, read by row and column, both from zero.
///
/// Reading a column as a type it does not have, or a null without `OrNil`, is a bug in the statement and
/// traps.
package struct PostgresRows: Sendable {
  private let result: ResultHandle

  init(_ result: ResultHandle) { self.result = result }

  package var count: Int { unsafe Int(PQntuples(result.pointer)) }

  /// Rows that an INSERT, UPDATE, DELETE, MERGE or COPY touched; for a SELECT the rows returned.
  package var affected: Int { result.affected }

  package func isNull(_ row: Int, _ column: Int) -> Bool {
    check(row, column)
    return unsafe PQgetisnull(result.pointer, Int32(row), Int32(column)) != 0
  }

  /// `int2`, `int4`, `int8`, `oid`, and a `numeric` without fraction that fits, as `sum(bigint)` gives.
  package func int64(_ row: Int, _ column: Int) -> Int64 {
    let type = type(of: column)
    return unsafe field(row, column) { bytes in
      switch type {
      case TypeOID.int8: unsafe bytes.bigEndian(0, as: Int64.self)
      case TypeOID.int4: unsafe Int64(bytes.bigEndian(0, as: Int32.self))
      case TypeOID.int2: unsafe Int64(bytes.bigEndian(0, as: Int16.self))
      case TypeOID.oid: unsafe Int64(bytes.bigEndian(0, as: UInt32.self))
      case TypeOID.numeric: unsafe Numeric.int64(bytes)
      default: mismatch(column, "an integer")
      }
    }
  }

  package func bool(_ row: Int, _ column: Int) -> Bool {
    expect(column, TypeOID.bool, "bool")
    return unsafe field(row, column) { unsafe $0[0] != 0 }
  }

  /// `text` and all types that travel as text (`varchar`, `name`, `json`), and `jsonb`.
  package func text(_ row: Int, _ column: Int) -> String {
    // jsonb starts with the version of its format, always 1.
    let skipped = type(of: column) == TypeOID.jsonb ? 1 : 0
    return unsafe field(row, column) { unsafe String(decoding: $0[skipped...], as: UTF8.self) }
  }

  package func bytes(_ row: Int, _ column: Int) -> [UInt8] {
    unsafe field(row, column) { unsafe Array($0) }
  }

  /// Microseconds since 1970-01-01 UTC; `Int64.max` and `.min` for `infinity` and `-infinity`.
  package func timestamp(_ row: Int, _ column: Int) -> Int64 {
    expect(column, TypeOID.timestamptz, "timestamptz")
    return unsafe field(row, column) { unsafe PostgresEpoch.decode($0.bigEndian(0, as: Int64.self)) }
  }

  package func double(_ row: Int, _ column: Int) -> Double {
    let type = type(of: column)
    return unsafe field(row, column) { bytes in
      switch type {
      case TypeOID.float8: unsafe Double(bitPattern: bytes.bigEndian(0, as: UInt64.self))
      case TypeOID.float4: unsafe Double(Float(bitPattern: bytes.bigEndian(0, as: UInt32.self)))
      default: mismatch(column, "a floating-point number")
      }
    }
  }

  package func int64OrNil(_ row: Int, _ column: Int) -> Int64? {
    isNull(row, column) ? nil : int64(row, column)
  }
  package func boolOrNil(_ row: Int, _ column: Int) -> Bool? { isNull(row, column) ? nil : bool(row, column) }
  package func textOrNil(_ row: Int, _ column: Int) -> String? {
    isNull(row, column) ? nil : text(row, column)
  }
  package func bytesOrNil(_ row: Int, _ column: Int) -> [UInt8]? {
    isNull(row, column) ? nil : bytes(row, column)
  }
  package func timestampOrNil(_ row: Int, _ column: Int) -> Int64? {
    isNull(row, column) ? nil : timestamp(row, column)
  }
  package func doubleOrNil(_ row: Int, _ column: Int) -> Double? {
    isNull(row, column) ? nil : double(row, column)
  }

  func type(of column: Int) -> UInt32 { unsafe PQftype(result.pointer, Int32(column)) }

  func expect(_ column: Int, _ type: UInt32, _ name: String) {
    if self.type(of: column) != type { mismatch(column, name) }
  }

  func mismatch(_ column: Int, _ wanted: String) -> Never {
    preconditionFailure("column \(column) has type \(type(of: column)), read as \(wanted)")
  }

  /// Lends the bytes of a field, which belong to the result and die with it.
  func field<R>(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    precondition(!isNull(row, column), "column \(column) is null")
    let length = unsafe Int(PQgetlength(result.pointer, Int32(row), Int32(column)))
    let start = unsafe PQgetvalue(result.pointer, Int32(row), Int32(column))
    return unsafe body(UnsafeRawBufferPointer(start: start, count: length))
  }

  /// libpq only prints a notice for a wrong index and returns null.
  private func check(_ row: Int, _ column: Int) {
    precondition(
      unsafe row >= 0 && row < count && column >= 0 && column < Int(PQnfields(result.pointer)),
      "no row \(row), column \(column)")
  }
}

/// Owns a `PGresult`.
@safe
final class ResultHandle: @unchecked Sendable {
  // @unchecked: a PGresult is read-only once made and may be read by any thread (manual, "Threaded
  // Programs").
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

  deinit { unsafe PQclear(pointer) }

  var status: ExecStatusType { unsafe PQresultStatus(pointer) }

  /// The command tag, such as `COMMIT` or `INSERT 0 3`.
  var tag: String { unsafe String(cString: PQcmdStatus(pointer)) }

  var affected: Int { unsafe Int(String(cString: PQcmdTuples(pointer))) ?? 0 }
}

extension UnsafeRawBufferPointer {
  func bigEndian<I: FixedWidthInteger>(_ offset: Int, as type: I.Type) -> I {
    precondition(count >= offset + MemoryLayout<I>.size, "a field is shorter than its type")
    return unsafe I(bigEndian: loadUnaligned(fromByteOffset: offset, as: I.self))
  }
}
