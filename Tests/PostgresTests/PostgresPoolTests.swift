import Postgres
import Synchronization
import Testing
import TestSupport

@Suite("Pool")
struct PostgresPoolTests {
  @Test("commits what the body did and returns what it returned")
  func commits() async throws {
    let pool = try await TestDatabase.make().pool
    let sum = try await pool.transaction { tx in
      try tx.execute("CREATE TABLE t (n int8)")
      try tx.execute("INSERT INTO t VALUES ($1), ($2)", [.int8(1), .int8(2)])
      return try tx.execute("SELECT sum(n) FROM t").int64(0, 0)
    }
    #expect(sum == 3)
    let count = try await pool.transaction { tx in try tx.execute("SELECT count(*) FROM t").int64(0, 0) }
    #expect(count == 2)
    await pool.close()
  }

  @Test("rolls back when the body throws, and rethrows its error")
  func rollsBack() async throws {
    struct Refused: Error {}
    let pool = try await TestDatabase.make(poolSize: 1).pool
    await #expect(throws: Refused.self) {
      try await pool.transaction { tx in
        try tx.execute("CREATE TABLE t ()")
        throw Refused()
      }
    }
    let exists = try await pool.transaction { tx in
      try tx.execute("SELECT to_regclass('t')::text").textOrNil(0, 0)
    }
    #expect(exists == nil)
  }

  @Test("takes a role that may do no more than use its database")
  func ordinaryRole() async throws {
    let database = try await TestDatabase.make()
    let role = "plain_\(UInt32.random(in: 0...(.max)))"
    _ = try await database.pool.transaction { tx in try tx.execute("CREATE ROLE \(role) LOGIN NOSUPERUSER") }
    let pool = PostgresPool(
      conninfo: database.conninfo + " user=\(role)", size: 1, applicationName: "test")
    let isSuper = try await pool.transaction { tx in try tx.execute("SHOW is_superuser").text(0, 0) }
    #expect(isSuper == "off")
    await pool.close()
    await database.pool.close()
  }

  @Test("never commits a transaction whose failure the body swallowed")
  func swallowed() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let error = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        try tx.execute("CREATE TABLE t ()")
        _ = try? tx.execute("SELECT 1 FROM absent")
      }
    }
    #expect(error?.code == .undefinedTable)
    #expect(try await pool.transaction { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }

  @Test("commits a transaction that was healed by a savepoint")
  func healed() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.transaction { tx in
      try tx.execute("CREATE TABLE t ()")
      try tx.execute("SAVEPOINT s")
      _ = try? tx.execute("SELECT 1 FROM absent")
      try tx.execute("ROLLBACK TO s")
    }
    let exists = try await pool.transaction { tx in
      try tx.execute("SELECT to_regclass('t')::text").textOrNil(0, 0)
    }
    #expect(exists == "t")
  }

  @Test(
    "refuses a body that ends its transaction and goes on with a clean connection",
    arguments: ["COMMIT", "ROLLBACK", "SELECT 1; COMMIT; BEGIN; COMMIT"])
  func endsItself(_ script: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let error = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in try tx.executeScript(script) }
    }
    #expect(error?.code == .misuse)
    #expect(try await pool.transaction { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }

  @Test("runs a script of many statements")
  func script() async throws {
    let pool = try await TestDatabase.make().pool
    let count = try await pool.transaction { tx in
      try tx.executeScript("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2); INSERT INTO t VALUES (3);")
      return try tx.execute("SELECT count(*) FROM t").int64(0, 0)
    }
    #expect(count == 3)
  }

  @Test("says how many rows a statement touched")
  func affected() async throws {
    let pool = try await TestDatabase.make().pool
    try await pool.transaction { tx in
      try tx.execute("CREATE TABLE t (n int8)")
      #expect(try tx.execute("INSERT INTO t SELECT generate_series(1, 7)").affected == 7)
      #expect(try tx.execute("DELETE FROM t WHERE n > $1", [.int8(5)]).affected == 2)
    }
  }

  private final class Log: Sendable {
    private let state = Mutex<[Int]>([])
    var entries: [Int] { state.withLock { $0 } }
    func append(_ entry: Int) { state.withLock { $0.append(entry) } }
  }

  @Test("serves tasks in the order in which they came")
  func order() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let served = Log()
    try await withThrowingTaskGroup(of: Void.self) { group in
      let gate = try await Gate.hold(pool)
      for index in 0..<20 {
        group.addTask { try await pool.transaction { _ in served.append(index) } }
        // Registered before the next one starts.
        while pool.waiting <= index { await Task.yield() }
      }
      gate.open()
      try await group.waitForAll()
      try await gate.end()
    }
    #expect(served.entries == Array(0..<20))
  }

  @Test("forgets a task that was cancelled while it waited")
  func cancelled() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let gate = try await Gate.hold(pool)
    let waiting = Task { try await pool.transaction { _ in Issue.record("a cancelled body ran") } }
    while pool.waiting == 0 { await Task.yield() }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    #expect(pool.waiting == 0)
    gate.open()
    try await gate.end()
    #expect(try await pool.transaction { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }

  @Test("lends no more connections than its size")
  func bounded() async throws {
    let database = try await TestDatabase.make(poolSize: 3)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<24 {
        group.addTask {
          try await database.pool.transaction { tx in _ = try tx.execute("SELECT pg_sleep(0.005)") }
        }
      }
      try await group.waitForAll()
    }
    let used = try await database.pool.transaction { tx in
      try tx.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").int64(0, 0)
    }
    #expect(used <= 3)
  }

  @Test("refuses work after it was closed, and leaves no connection")
  func closes() async throws {
    let database = try await TestDatabase.make()
    try await database.pool.transaction { tx in _ = try tx.execute("SELECT 1") }
    await database.pool.close()
    let error = await #expect(throws: PostgresError.self) { try await database.pool.transaction { _ in } }
    #expect(error?.code == .closed)
  }

  @Test("runs alone what no transaction may hold")
  func alone() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    try await pool.executeAlone("VACUUM")
    let error = await #expect(throws: PostgresError.self) { try await pool.executeAlone("VACUUM absent") }
    #expect(error?.code == .undefinedTable)
    #expect(try await pool.transaction { tx in try tx.execute("SELECT 1").int64(0, 0) } == 1)
  }

  @Test("tells a server that accepts from one that is not there")
  func pings() async throws {
    let database = try await TestDatabase.make()
    #expect(try await PostgresPool.ping(database.conninfo) == .accepting)
    #expect(try await PostgresPool.ping("host=/nowhere") == .unreachable)
    #expect(try await PostgresPool.ping("host='") == .malformedConninfo)
  }

  @Test("sets what must not depend on the server's defaults")
  func session() async throws {
    let pool = try await TestDatabase.make().pool
    try await pool.transaction { tx in
      for (setting, value) in [
        ("TimeZone", "UTC"), ("client_encoding", "UTF8"), ("transaction_isolation", "read committed"),
        ("application_name", "test"),
      ] {
        let found = try tx.execute("SELECT current_setting($1)", [.text(setting)]).text(0, 0)
        #expect(found == value)
      }
    }
  }
}

/// Keeps one connection of a pool busy until it is opened.
struct Gate {
  private let isOpen: OpenFlag
  private let holder: Task<Void, any Error>

  private final class OpenFlag: Sendable {
    let value = Atomic(false)
    let isHeld = Atomic(false)
  }

  static func hold(_ pool: PostgresPool) async throws -> Gate {
    let flag = OpenFlag()
    let holder = Task {
      try await pool.transaction { tx in
        flag.isHeld.store(true, ordering: .relaxed)
        while !flag.value.load(ordering: .relaxed) { _ = try tx.execute("SELECT pg_sleep(0.001)") }
      }
    }
    while !flag.isHeld.load(ordering: .relaxed) { await Task.yield() }
    return Gate(isOpen: flag, holder: holder)
  }

  func open() { isOpen.value.store(true, ordering: .relaxed) }
  func end() async throws { try await holder.value }
}
