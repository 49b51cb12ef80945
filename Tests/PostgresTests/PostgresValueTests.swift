import Postgres
import Testing
import TestSupport

@Suite("Values")
struct PostgresValueTests {
  /// Sends each value as a parameter and reads it back.
  private func check<V: Equatable & Sendable>(
    _ values: [V], as type: String, _ make: @Sendable @escaping (V) -> PostgresValue,
    _ read: @Sendable @escaping (PostgresRows) -> V, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    for value in values {
      let back = try await pool.transaction { tx in
        let rows = try tx.execute("SELECT $1, pg_typeof($1)::text", [make(value)])
        #expect(rows.text(0, 1) == type, sourceLocation: sourceLocation)
        return read(rows)
      }
      #expect(back == value, sourceLocation: sourceLocation)
    }
    await pool.close()
  }

  @Test("integers, booleans and floating point come back as they were sent")
  func numbers() async throws {
    try await check([true, false], as: "boolean", { .bool($0) }, { $0.bool(0, 0) })
    try await check([0, -1, Int16.min, .max], as: "smallint", { .int2($0) }, { Int16($0.int64(0, 0)) })
    try await check([0, -1, Int32.min, .max], as: "integer", { .int4($0) }, { Int32($0.int64(0, 0)) })
    try await check([0, -1, Int64.min, .max], as: "bigint", { .int8($0) }, { $0.int64(0, 0) })
    try await check(
      [0, -0.1, .infinity, 1e300, .leastNonzeroMagnitude], as: "double precision", { .double($0) },
      { $0.double(0, 0) })
  }

  @Test("text, bytes and JSON come back as they were sent")
  func strings() async throws {
    let texts = ["", "a", "o'clock \\ \" $1", "žluťoučký 🐎", String(repeating: "x", count: 300_000)]
    try await check(texts, as: "text", { .text($0) }, { $0.text(0, 0) })
    let bytes: [[UInt8]] = [[], [0], Array(0...255), [UInt8](repeating: 7, count: 1_000_000)]
    try await check(bytes, as: "bytea", { .bytes($0) }, { $0.bytes(0, 0) })
    try await check([#"{"a": [1, null, "ž"]}"#, "null", "[]"], as: "jsonb", { .json($0) }, { $0.text(0, 0) })
  }

  @Test("times come back to the microsecond, infinities included")
  func times() async throws {
    let times: [Int64] = [
      0, -1, 1, 1_700_000_000_123_456, -210_866_803_200_000_000, 253_402_300_799_999_999, .max, .min,
    ]
    try await check(
      times, as: "timestamp with time zone", { .timestamp(microseconds: $0) }, { $0.timestamp(0, 0) })
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let text = try await pool.transaction { tx in
      try tx.execute("SELECT $1::text", [.timestamp(microseconds: 1_700_000_000_123_456)]).text(0, 0)
    }
    #expect(text == "2023-11-14 22:13:20.123456+00")
  }

  @Test(
    "a time outside of PostgreSQL's range is an error, not a trap", arguments: [Int64.min + 1, Int64.max - 1])
  func outOfRange(_ time: Int64) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let result = try? await pool.transaction { tx in
      try tx.execute("SELECT $1", [.timestamp(microseconds: time)]).timestamp(0, 0)
    }
    #expect(result == nil || result == time)
  }

  @Test("arrays come back as they were sent, empty ones included")
  func arrays() async throws {
    try await check([[], [1], [.min, 0, .max]], as: "bigint[]", { .int8Array($0) }, { $0.int64Array(0, 0) })
    try await check(
      [[], [1, .min, .max]], as: "smallint[]", { .int2Array($0) }, { $0.int64Array(0, 0).map { Int16($0) } })
    try await check([[], [true, false]], as: "boolean[]", { .boolArray($0) }, { $0.boolArray(0, 0) })
    try await check([[], ["", "{,\"", "ž"]], as: "text[]", { .textArray($0) }, { $0.textArray(0, 0) })
    try await check([[], [[], [0, 255]]], as: "bytea[]", { .bytesArray($0) }, { $0.bytesArray(0, 0) })
    try await check(
      [[], [0, 1, .max]], as: "timestamp with time zone[]", { .timestampArray($0) },
      { $0.timestampArray(0, 0) })
  }

  @Test("null is told from empty")
  func nulls() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      let rows = try tx.execute(
        "SELECT $1::text, $2::bytea, $3::text, $4::bytea, $1::int8, $1::timestamptz, $1::bool, $1::float8",
        [.null, .null, .text(""), .bytes([])])
      #expect(rows.textOrNil(0, 0) == nil)
      #expect(rows.bytesOrNil(0, 1) == nil)
      #expect(rows.textOrNil(0, 2) == "")
      #expect(rows.bytesOrNil(0, 3) == [])
      #expect(rows.int64OrNil(0, 4) == nil)
      #expect(rows.timestampOrNil(0, 5) == nil)
      #expect(rows.boolOrNil(0, 6) == nil)
      #expect(rows.doubleOrNil(0, 7) == nil)
      #expect(rows.isNull(0, 0) && !rows.isNull(0, 2))
    }
  }

  @Test(
    "a whole numeric reads as an integer",
    arguments: [
      ("0", 0), ("7", 7), ("-7", -7), ("10000", 10_000), ("123456789012", 123_456_789_012),
      ("9223372036854775807", Int64.max), ("500000000", 500_000_000),
    ])
  func numeric(_ text: String, _ value: Int64) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let back = try await pool.transaction { tx in
      try tx.execute("SELECT $1::text::numeric", [.text(text)]).int64(0, 0)
    }
    #expect(back == value)
  }

  @Test(
    "U+0000 in text is refused before it is sent",
    arguments: [PostgresValue.text("a\0b"), .textArray(["a", "\0"]), .json("\"\0\"")])
  func zero(_ value: PostgresValue) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      let error = #expect(throws: PostgresError.self) { try tx.execute("SELECT $1", [value]) }
      #expect(error?.code == .invalidValue)
      // The transaction is not broken by it.
      let one = try tx.execute("SELECT 1").int64(0, 0)
      #expect(one == 1)
      #expect(throws: PostgresError.self) { try tx.execute("SELECT 1\0; SELECT 2") }
    }
  }
}
