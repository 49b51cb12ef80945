/// A parameter of a statement. It travels in PostgreSQL's binary format with its exact type, so the server
/// never has to parse or guess, and nothing is ever escaped into SQL.
package enum PostgresValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int2(Int16)
  case int4(Int32)
  case int8(Int64)
  case double(Double)
  /// Must not hold U+0000: PostgreSQL cannot store it, the statement throws
  /// `PostgresError.Code.invalidValue`.
  case text(String)
  case bytes([UInt8])
  /// `timestamptz`, microseconds since 1970-01-01 UTC; `Int64.max` and `.min` are `infinity` and `-infinity`.
  case timestamp(microseconds: Int64)
  /// `jsonb`, as JSON text.
  case json(String)
  case int8Array([Int64])
  case bytesArray([[UInt8]])
  case textArray([String])
  case timestampArray([Int64])
  case int2Array([Int16])
  case boolArray([Bool])
}

/// Object ids of the built-in types (`pg_type.dat`); they never change between versions of PostgreSQL.
enum TypeOID {
  static let bool: UInt32 = 16
  static let bytea: UInt32 = 17
  static let char: UInt32 = 18
  static let int8: UInt32 = 20
  static let int2: UInt32 = 21
  static let int4: UInt32 = 23
  static let text: UInt32 = 25
  static let oid: UInt32 = 26
  static let float4: UInt32 = 700
  static let float8: UInt32 = 701
  static let boolArray: UInt32 = 1000
  static let byteaArray: UInt32 = 1001
  static let int2Array: UInt32 = 1005
  static let textArray: UInt32 = 1009
  static let int8Array: UInt32 = 1016
  static let timestamptz: UInt32 = 1184
  static let timestamptzArray: UInt32 = 1185
  static let numeric: UInt32 = 1700
  static let jsonb: UInt32 = 3802
}

extension PostgresValue {
  var typeOID: UInt32 {
    switch self {
    case .null: 0  // the server infers it
    case .bool: TypeOID.bool
    case .int2: TypeOID.int2
    case .int4: TypeOID.int4
    case .int8: TypeOID.int8
    case .double: TypeOID.float8
    case .text: TypeOID.text
    case .bytes: TypeOID.bytea
    case .timestamp: TypeOID.timestamptz
    case .json: TypeOID.jsonb
    case .int8Array: TypeOID.int8Array
    case .bytesArray: TypeOID.byteaArray
    case .textArray: TypeOID.textArray
    case .timestampArray: TypeOID.timestamptzArray
    case .int2Array: TypeOID.int2Array
    case .boolArray: TypeOID.boolArray
    }
  }
}

/// PostgreSQL counts time from 2000-01-01, Unix from 1970-01-01.
enum PostgresEpoch {
  static let microseconds: Int64 = 946_684_800_000_000

  /// Total: what lies before PostgreSQL's range becomes a value that the server refuses by name (22008).
  static func encode(_ unix: Int64) -> Int64 {
    if unix == .max || unix == .min { return unix }
    let (value, overflow) = unix.subtractingReportingOverflow(microseconds)
    return overflow ? .min + 1 : value
  }

  /// Total: the last 2,700 years that PostgreSQL knows do not fit and read as `infinity`.
  static func decode(_ postgres: Int64) -> Int64 {
    if postgres == .max || postgres == .min { return postgres }
    let (value, overflow) = postgres.addingReportingOverflow(microseconds)
    return overflow ? .max : value
  }
}
