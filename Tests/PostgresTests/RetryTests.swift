import Postgres
import Synchronization
import Testing
import TestSupport

@Suite("Repeated transactions")
struct RetryTests {
  private func counters(_ names: String...) async throws -> TestDatabase {
    let database = try await TestDatabase.make(poolSize: 4)
    try await database.pool.transaction { tx in
      try tx.execute("CREATE TABLE counter (name text PRIMARY KEY, n int8 NOT NULL)")
      for name in names { try tx.execute("INSERT INTO counter VALUES ($1, 0)", [.text(name)]) }
    }
    return database
  }

  private func value(_ name: String, _ database: TestDatabase) async throws -> Int64 {
    try await database.pool.transaction { tx in
      try tx.execute("SELECT n FROM counter WHERE name = $1", [.text(name)]).int64(0, 0)
    }
  }

  @Test("a real serialization failure is repeated until both have counted")
  func serialization() async throws {
    let database = try await counters("a")
    let runs = Counter()
    let hasRead = Signal()
    let mayWrite = Signal()
    let slow = Task {
      try await database.pool.transaction { tx in
        let run = runs.next()
        try tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        let n = try tx.execute("SELECT n FROM counter").int64(0, 0)
        hasRead.set()
        while !mayWrite.value { try tx.execute("SELECT pg_sleep(0.001)") }
        try tx.execute("UPDATE counter SET n = $1", [.int8(n + 1)])
        return run
      }
    }
    while !hasRead.value { await Task.yield() }
    try await database.pool.transaction { tx in try tx.execute("UPDATE counter SET n = n + 1") }
    mayWrite.set()
    #expect(try await slow.value == 2)
    #expect(try await value("a", database) == 2)
  }

  @Test("a real deadlock is repeated until both have counted")
  func deadlock() async throws {
    let database = try await counters("a", "b")
    let runs = Counter()
    let locked = [Signal(), Signal()]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (own, names) in [["a", "b"], ["b", "a"]].enumerated() {
        group.addTask {
          try await database.pool.transaction { tx in
            _ = runs.next()
            try tx.execute("SET LOCAL deadlock_timeout = '20ms'")
            try tx.execute("UPDATE counter SET n = n + 1 WHERE name = $1", [.text(names[0])])
            locked[own].set()
            while !locked[1 - own].value { try tx.execute("SELECT pg_sleep(0.001)") }
            try tx.execute("UPDATE counter SET n = n + 1 WHERE name = $1", [.text(names[1])])
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(runs.count > 2)
    #expect(try await value("a", database) == 2)
    #expect(try await value("b", database) == 2)
  }

  /// A body that ends its own backend on its first run, before or after its work.
  @Test(
    "a backend killed in the middle of a transaction is replaced and the body repeated",
    arguments: [true, false])
  func killed(beforeWork: Bool) async throws {
    let database = try await counters("a")
    let runs = Counter()
    try await database.pool.transaction { tx in
      let run = runs.next()
      if run == 1 && beforeWork { _ = try? tx.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
      try tx.execute("UPDATE counter SET n = n + 1")
      if run == 1 && !beforeWork { _ = try? tx.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
    }
    #expect(runs.count == 2)
    #expect(try await value("a", database) == 1)
  }

  @Test("a backend killed during a copy neither raises SIGPIPE nor stores half")
  func killedCopy() async throws {
    let database = try await counters("a")
    let other = PostgresPool(conninfo: database.conninfo, size: 1)
    let runs = Counter()
    let pid = Mutex<Int64>(0)
    let killed = Signal()
    let killer = Task {
      while pid.withLock({ $0 }) == 0 { await Task.yield() }
      try await other.transaction { tx in
        try tx.execute("SELECT pg_terminate_backend($1, 5000)", [.int4(Int32(pid.withLock { $0 }))])
      }
      killed.set()
    }
    let count = try await database.pool.transaction { tx in
      let first = runs.next() == 1
      let own = try tx.execute("SELECT pg_backend_pid()").int64(0, 0)
      if first { pid.withLock { $0 = own } }
      return try tx.copyIn("COPY counter FROM STDIN (FORMAT binary)") {
        (writer: inout CopyWriter) throws(PostgresError) in
        while first && !killed.value {}
        for row in 0..<20_000 {
          writer.beginRow(columns: 2)
          writer.text("row \(row)")
          writer.int8(1)
        }
      }
    }
    try await killer.value
    #expect(runs.count == 2)
    #expect(count == 20_000)
    await other.close()
  }

  @Test("connections that died while idle are replaced without a repetition")
  func idle() async throws {
    let database = try await counters("a")
    let other = PostgresPool(conninfo: database.conninfo, size: 1)
    try await other.transaction { tx in
      try tx.execute(
        """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        """)
    }
    let runs = Counter()
    try await database.pool.transaction { tx in
      _ = runs.next()
      try tx.execute("UPDATE counter SET n = n + 1")
    }
    #expect(runs.count == 1)
    await other.close()
  }

  @Test("a COMMIT that the backend did not survive is looked up, found undone, and repeated")
  func diesInCommit() async throws {
    let database = try await counters("a")
    let runs = Counter()
    // A deferred trigger runs inside COMMIT, before anything is committed.
    try await database.pool.transaction { tx in
      try tx.executeScript(
        """
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF current_setting('application_name') = 'dies' THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
          END IF;
          RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION die();
        """)
    }
    try await database.pool.transaction { tx in
      if runs.next() == 1 { try tx.execute("SET LOCAL application_name = 'dies'") }
      try tx.execute("UPDATE counter SET n = n + 1")
    }
    #expect(runs.count == 2)
    #expect(try await value("a", database) == 1)
  }

  @Test("a COMMIT that took place but whose answer is lost is looked up and not repeated")
  func losesAnswer() async throws {
    let database = try await counters("a")
    let other = PostgresPool(conninfo: database.conninfo, size: 1)
    // A backend that waits for a standby has committed already. The test cluster runs with synchronous_commit
    // off, so that only the transaction below waits.
    try await other.executeAlone("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    try await other.executeAlone("SELECT pg_reload_conf()")
    let isKilled = Signal()
    let isDone = Signal()
    let killer = Task {
      while !isDone.value {
        let count = try await other.transaction { tx in
          try tx.execute(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'SyncRep'
            """
          ).int64(0, 0)
        }
        if count > 0 { isKilled.set() }
      }
    }
    let runs = Counter()
    // More than once only until the server has read its new setting.
    var rounds = 0
    while !isKilled.value {
      try await database.pool.transaction { tx in
        _ = runs.next()
        try tx.execute("SET LOCAL synchronous_commit = on")
        try tx.execute("UPDATE counter SET n = n + 1")
      }
      rounds += 1
    }
    isDone.set()
    try await killer.value
    #expect(runs.count == rounds)
    #expect(try await value("a", database) == Int64(rounds))
    try await other.executeAlone("ALTER SYSTEM RESET synchronous_standby_names")
    try await other.executeAlone("SELECT pg_reload_conf()")
    await other.close()
  }

  @Test(
    "a failure that repeating cannot heal is tried once", arguments: ["SELECT 1 FROM absent", "SELECT 1/0"])
  func once(_ sql: String) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let runs = Counter()
    await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        _ = runs.next()
        try tx.execute(sql)
      }
    }
    #expect(runs.count == 1)
  }

  @Test("a conflict that never ends is given up after the last try")
  func exhausted() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let runs = Counter()
    let error = await #expect(throws: PostgresError.self) {
      try await pool.transaction { tx in
        _ = runs.next()
        try tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$")
      }
    }
    #expect(error?.code == .serialization)
    #expect(error?.isRetryable == true)
    #expect(runs.count == PostgresPool.attemptsMax)
  }

  @Test("the cause is repeated even if the body wraps it in an error of its own")
  func wrapped() async throws {
    struct Wrapped: Error { let underlying: any Error }
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let runs = Counter()
    try await pool.transaction { tx in
      guard runs.next() == 1 else { return }
      do {
        try tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$")
      } catch {
        throw Wrapped(underlying: error)
      }
    }
    #expect(runs.count == 2)
  }
}
