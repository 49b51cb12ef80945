import Blocking
import Glibc
import Postgres
import Synchronization
import Testing
import TestSupport

@Suite("Connections of long work")
struct LongWorkTests {
  private static func select(_ pool: PostgresPool) async throws -> Int64 {
    try await pool.read { tx in try tx.execute("SELECT 1").int64(0, 0) }
  }

  @Test(
    "a request finds a connection however much long work runs and waits", .timeLimit(.minutes(5)),
    arguments: [0, 1])
  func requestsGoOn(past: Int) async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    var gates: [Gate] = []
    for _ in 0..<PostgresPool.longWorkSize {
      gates.append(try await runAsLongWork { try await Gate.hold(pool) })
    }
    let last = Task { [pool] in
      for _ in 0..<past { _ = try await runAsLongWork { try await Self.select(pool) } }
    }
    while pool.waiting < past { await Task.yield() }
    #expect(try await Self.select(pool) == 1)
    #expect(pool.waiting == past)
    for gate in gates { gate.open() }
    for gate in gates { try await gate.end() }
    try await last.value
    #expect(pool.waiting == 0)
  }

  @Test("long work goes on while requests have all of theirs", .timeLimit(.minutes(5)))
  func longWorkGoesOn() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let gate = try await Gate.hold(pool)
    #expect(try await runAsLongWork { try await Self.select(pool) } == 1)
    try await runAsLongWork { try await pool.executeAlone("VACUUM") }
    gate.open()
    try await gate.end()
  }

  private final class Backends: Sendable {
    private let seen = Mutex<Set<Int64>>([])
    var count: Int { seen.withLock { $0.count } }
    func add(_ process: Int64) { seen.withLock { _ = $0.insert(process) } }
  }

  @Test("long work within long work takes turns, and ends", .timeLimit(.minutes(5)))
  func nests() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    let (backends, done) = (Backends(), Counter())
    try await runAsLongWork {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<(4 * PostgresPool.longWorkSize) {
          group.addTask {
            try await runAsLongWork {
              async let other = Self.select(pool)
              let own = try await pool.transaction { tx in
                try tx.execute("SELECT pg_backend_pid(), pg_sleep(0.005)").int64(0, 0)
              }
              backends.add(own)
              if try await other == 1 { _ = done.next() }
            }
          }
        }
        try await group.waitForAll()
      }
    }
    #expect(done.count == 4 * PostgresPool.longWorkSize)
    #expect(backends.count == PostgresPool.longWorkSize)
  }

  @Test("tasks that long work begins are long work, and what follows it is not")
  func whatCounts() async throws {
    struct Failed: Error {}
    #expect(!LongWork.isRunning)
    try await runAsLongWork {
      async let child = LongWork.isRunning
      #expect(LongWork.isRunning)
      #expect(await child)
      #expect(await Task { LongWork.isRunning }.value)
      try await runAheadOfLongWork { #expect(!LongWork.isRunning) }
      #expect(LongWork.isRunning)
    }
    await #expect(throws: Failed.self) { try await runAsLongWork { () throws(Failed) in throw Failed() } }
    #expect(!LongWork.isRunning)
  }

  @Test("a pool that closes waits for long work, and takes no more of it", .timeLimit(.minutes(5)))
  func closes() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    var gates: [Gate] = []
    for _ in 0..<PostgresPool.longWorkSize {
      gates.append(try await runAsLongWork { try await Gate.hold(pool) })
    }
    let waiting = Task { try await runAsLongWork { try await Self.select(pool) } }
    while pool.waiting == 0 { await Task.yield() }
    let isClosed = Signal()
    let closing = Task {
      await pool.close()
      isClosed.set()
    }
    let error = await #expect(throws: PostgresError.self) { try await waiting.value }
    #expect(error?.code == .closed)
    #expect(!isClosed.value)
    for gate in gates { gate.open() }
    for gate in gates { try await gate.end() }
    await closing.value
    await #expect(throws: PostgresError.self) { try await runAsLongWork { try await Self.select(pool) } }
  }
}

@Suite("Priority of the server's processes")
struct LocalBackendTests {
  /// How far behind a backend stands: itself, and its session where the kernel weighs sessions.
  private static func nice(_ pool: PostgresPool) async throws -> (process: CInt, session: CInt?) {
    try await pool.read { tx in
      let process = pid_t(try tx.execute("SELECT pg_backend_pid()").int64(0, 0))
      return (getpriority(CInt(PRIO_PROCESS.rawValue), id_t(process)), session(process))
    }
  }

  private static func session(_ process: pid_t) -> CInt? {
    guard let file = fopen("/proc/\(process)/autogroup", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, 64, file) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).last.flatMap { CInt($0) }
  }

  @Test("backends of long work stand behind those of requests, after a broken connection too")
  func behind() async throws {
    let pool = try await TestDatabase.make(poolSize: 1).pool
    for _ in 0..<2 {
      let (request, long) = (try await Self.nice(pool), try await runAsLongWork { try await Self.nice(pool) })
      #expect(request.process == 0)
      #expect(long.process == ThreadNice.writing)
      if let session = request.session {
        #expect(session == 0)
        #expect(long.session == ThreadNice.writing)
      }
      _ = try? await runAsLongWork {
        try await pool.executeAlone("SELECT pg_terminate_backend(pg_backend_pid())")
      }
    }
  }

  @Test(
    "a process whose number came by way of another is left alone", arguments: RelayedServer.Family.allCases)
  func elsewhere(_ family: RelayedServer.Family) async throws {
    let database = try await TestDatabase.make()
    let relay = try RelayedServer(database.conninfo, family)
    let pool = PostgresPool(conninfo: database.conninfo + " " + relay.conninfo, size: 1)
    let nice = try await runAsLongWork { try await Self.nice(pool) }
    #expect(nice.process == 0)
    #expect(nice.session ?? 0 == 0)
    await pool.close()
  }
}
