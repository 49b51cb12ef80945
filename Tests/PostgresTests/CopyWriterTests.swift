import Postgres
import Testing
import TestSupport

@Suite("Copy")
struct CopyWriterTests {
  private static let table = """
    CREATE TABLE t (i2 int2, i4 int4, i8 int8, b bytea, x text, ts timestamptz, f bool, d float8, n int8)
    """
  private static let copy = "COPY t FROM STDIN (FORMAT binary)"

  @Test("stores every type of field")
  func types() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      try tx.execute(Self.table)
      let count = try tx.copyIn(Self.copy) { (writer: inout CopyWriter) throws(PostgresError) in
        writer.beginRow(columns: 9)
        writer.int2(-2)
        writer.int4(4)
        writer.int8(.min)
        writer.bytes([0, 255])
        writer.text("ž")
        writer.timestamp(microseconds: 1_700_000_000_000_001)
        writer.bool(true)
        writer.double(0.5)
        writer.null()
      }
      #expect(count == 1)
      let rows = try tx.execute("SELECT * FROM t")
      #expect((0...2).map { rows.int64(0, $0) } == [-2, 4, .min])
      #expect(rows.bytes(0, 3) == [0, 255])
      #expect(rows.text(0, 4) == "ž")
      #expect(rows.timestamp(0, 5) == 1_700_000_000_000_001)
      #expect(rows.bool(0, 6))
      #expect(rows.double(0, 7) == 0.5)
      #expect(rows.isNull(0, 8))
    }
  }

  @Test("stores rows around and beyond the size of its buffer", arguments: [0, 1, 65_490, 65_536, 1_000_000])
  func sizes(_ size: Int) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let value = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    try await pool.transaction { tx in
      try tx.execute("CREATE TABLE t (b bytea)")
      let count = try tx.copyIn(Self.copy) { (writer: inout CopyWriter) throws(PostgresError) in
        for _ in 0..<3 {
          writer.beginRow(columns: 1)
          writer.bytes(value)
        }
      }
      #expect(count == 3)
      let rows = try tx.execute("SELECT b FROM t")
      #expect((0..<3).allSatisfy { rows.bytes($0, 0) == value })
    }
  }

  @Test("stores many rows, and none")
  func many() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      try tx.execute("CREATE TABLE t (n int8)")
      for rows in [0, 20_000] {
        let count = try tx.copyIn(Self.copy) { (writer: inout CopyWriter) throws(PostgresError) in
          for row in 0..<rows {
            writer.beginRow(columns: 1)
            writer.int8(Int64(row))
          }
        }
        #expect(count == rows)
      }
      #expect(try tx.execute("SELECT sum(n) FROM t").int64(0, 0) == 199_990_000)
    }
  }

  @Test("fails whole, and the connection goes on", arguments: ["zero", "thrown", "server"])
  func failures(_ kind: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in try tx.execute("CREATE TABLE t (x text CHECK (x <> 'secret value'))") }
    let error = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        try tx.copyIn(Self.copy) { (writer: inout CopyWriter) throws(PostgresError) in
          writer.beginRow(columns: 1)
          writer.text(kind == "server" ? "secret value" : kind == "zero" ? "\0" : "fine")
          if kind == "thrown" { _ = try throwing() }
        }
      }
    }
    #expect(error?.code == (kind == "server" ? .checkViolation : .invalidValue))
    #expect(error.map { !"\($0)".contains("secret value") } == true)
    let count = try await pool.transaction { tx in try tx.execute("SELECT count(*) FROM t").int64(0, 0) }
    #expect(count == 0)
  }

  private func throwing() throws(PostgresError) { throw Self.refusal }

  /// Any error of the binding will do.
  private static let refusal = PostgresError.refusal(because: "a test refuses")

  @Test(
    "refuses statements that are not a binary copy from the client",
    arguments: [
      "SELECT 1", "COPY t FROM STDIN", "COPY t TO STDOUT (FORMAT binary)",
      "COPY absent FROM STDIN (FORMAT binary)",
    ])
  func refuses(_ sql: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in try tx.execute("CREATE TABLE t (n int8)") }
    await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        try tx.copyIn(sql) { (_: inout CopyWriter) throws(PostgresError) in Issue.record("filled") }
      }
    }
    await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in _ = try tx.execute("COPY t TO STDOUT (FORMAT binary)") }
    }
    await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in _ = try tx.execute("COPY t FROM STDIN (FORMAT binary)") }
    }
    #expect(try await pool.transaction { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }
}
