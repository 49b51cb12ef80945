import Postgres
import Testing
import TestSupport

@Suite("Reading without a transaction")
struct ReadingTests {
  @Test("each query sees what is committed when it begins")
  func seesCommitted() async throws {
    let database = try await TestDatabase.make(poolSize: 2)
    try await database.pool.transaction { tx in try tx.execute("CREATE TABLE t (n int8)") }
    let writer = PostgresPool(conninfo: database.conninfo, size: 1)
    let (hasRead, isWritten) = (Signal(), Signal())
    async let counts = database.pool.read { tx in
      let before = try tx.execute("SELECT count(*) FROM t").int64(0, 0)
      hasRead.set()
      while !isWritten.value { try tx.execute("SELECT pg_sleep(0.001)") }
      return [before, try tx.execute("SELECT count(*) FROM t").int64(0, 0)]
    }
    while !hasRead.value { await Task.yield() }
    try await writer.transaction { tx in try tx.execute("INSERT INTO t VALUES (1)") }
    isWritten.set()
    #expect(try await counts == [0, 1])
    await writer.close()
  }

  @Test(
    "refuses what is no query before it is sent",
    arguments: [
      "CREATE TABLE t ()", "INSERT INTO u VALUES (2)", "DELETE FROM u", "BEGIN",
      "WITH d AS (DELETE FROM u) SELECT 1",
    ])
  func refuses(_ statement: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      try tx.executeScript("CREATE TABLE u (n int8); INSERT INTO u VALUES (1)")
    }
    let error = await #expect(throws: PostgresError.self) {
      try await pool.read { tx in try tx.execute(statement) }
    }
    #expect(error?.code == .misuse)
    let left = try await pool.read { tx in
      [
        try tx.execute("SELECT count(*) FROM u").int64(0, 0),
        try tx.execute("SELECT count(*) FROM pg_class WHERE relname = 't'").int64(0, 0),
      ]
    }
    #expect(left == [1, 0])
  }

  @Test("refuses scripts, whatever they begin with")
  func refusesScripts() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let error = await #expect(throws: PostgresError.self) {
      try await pool.read { tx in try tx.executeScript("SELECT 1; CREATE TABLE t ()") }
    }
    #expect(error?.code == .misuse)
  }

  @Test("a failed query is an error, whatever the body made of it")
  func swallowed() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let error = await #expect(throws: PostgresError.self) {
      try await pool.read { tx in _ = try? tx.execute("SELECT 1 FROM absent") }
    }
    #expect(error?.code == .undefinedTable)
    #expect(try await pool.read { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }

  @Test("a backend that dies under a query is replaced, and the whole body asked again")
  func killed() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let runs = Counter()
    let answer = try await pool.read { tx in
      let run = runs.next()
      let first = try tx.execute("SELECT 1").int64(0, 0)
      if run == 1 { try tx.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
      return first + (try tx.execute("SELECT 41").int64(0, 0))
    }
    #expect(answer == 42)
    #expect(runs.count == 2)
  }
}
