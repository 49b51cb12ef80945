import Postgres
import Testing
import TestSupport

@Suite("Errors")
struct PostgresErrorTests {
  @Test(
    "carry a code and the SQLSTATE",
    arguments: [
      ("SELECT 1 FROM absent", PostgresError.Code.undefinedTable, "42P01"),
      ("INSERT INTO t VALUES (1)", .uniqueViolation, "23505"),
      ("INSERT INTO t VALUES (NULL)", .notNullViolation, "23502"),
      ("INSERT INTO t VALUES (-1)", .checkViolation, "23514"),
      ("INSERT INTO u VALUES (9)", .foreignKeyViolation, "23503"),
      ("SELECT 'x'::int", .invalidValue, "22P02"),
      ("SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(30)", .cancelled, "57014"),
      ("SET TRANSACTION READ ONLY; DELETE FROM t", .readOnly, "25006"),
      ("SELEC 1", .other, "42601"),
    ])
  func codes(_ sql: String, _ code: PostgresError.Code, _ state: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let error = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        try tx.executeScript("CREATE TABLE t (n int PRIMARY KEY CHECK (n > 0)); INSERT INTO t VALUES (1)")
        try tx.executeScript("CREATE TABLE u (n int REFERENCES t)")
        try tx.executeScript(sql)
      }
    }
    #expect(error?.code == code)
    #expect(error?.sqlState == state)
    #expect(error?.isRetryable == false)
  }

  @Test("never show a value, in text, debug text or dump")
  func secrets() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    for sql in ["INSERT INTO t VALUES ($1)", "SELECT $1::text::int", "SELECT ('{\"' || $1)::json"] {
      let error = await #expect(throws: PostgresError.self) {
        try await pool.transaction { tx in
          try tx.executeScript("CREATE TABLE t (x text UNIQUE); INSERT INTO t VALUES ('hunter2')")
          try tx.execute(sql, [.text("hunter2")])
        }
      }
      var dumped = ""
      dump(error, to: &dumped)
      for text in ["\(try #require(error))", String(reflecting: error), dumped] {
        #expect(!text.contains("hunter2"))
      }
    }
  }

  @Test("name the constraint and the place of a syntax error")
  func objects() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let violation = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        try tx.executeScript(
          "CREATE TABLE t (n int CONSTRAINT one_only UNIQUE); INSERT INTO t VALUES (1), (1)")
      }
    }
    #expect(violation?.object == "one_only")
    let syntax = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in _ = try tx.execute("SELECT FROM FROM") }
    }
    #expect(syntax.map { "\($0)" }?.contains("at character 13") == true)
  }

  @Test(
    "tell why there is no connection",
    arguments: [
      ("host=/nowhere", PostgresError.Code.connection), ("host='", .connection),
      ("dbname=absent", .undefinedDatabase),
      ("user=absent", .authentication),
    ])
  func connections(_ conninfo: String, _ code: PostgresError.Code) async throws {
    let server = try await TestDatabase.make().conninfo
    let pool = PostgresPool(
      conninfo: conninfo.hasPrefix("host") ? conninfo : server + " " + conninfo, size: 1)
    let error = await #expect(throws: PostgresError.self) { try await pool.transaction { _ in } }
    #expect(error?.code == code)
  }
}
