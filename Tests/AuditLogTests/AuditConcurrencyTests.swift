import AuditLog
import Glibc
import Postgres
import Testing

/// Others go on while somebody verifies.
@Suite("Verifying a log that is being written")
struct AuditConcurrencyTests {
  @Test("What is appended while the log is walked through is no tampering")
  func appendedDuringTheWalk() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(10)
    _ = try await fixture.checkpoint()
    let log = fixture.log
    let (locked, lock) = AsyncStream<Void>.makeStream()
    // Whoever verifies reads the head, and then waits here for the entries.
    async let appended: Void = fixture.pool.transaction { tx in
      try tx.executeScript("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
      lock.yield()
      while try tx.execute(Self.waiting).int64(0, 0) == 0 { usleep(5_000) }
      _ = try log.append([AuditFixture.entry(10)], at: AuditFixture.time, in: tx)
    }
    for await _ in locked { break }
    let result = try await fixture.verify()
    try await appended
    #expect(result.isIntact && result.size == 10, "\(result.problems)")
    #expect(try await fixture.verify().size == 11)
  }

  /// Of this database: those of other tests say nothing.
  private static let waiting = """
    SELECT count(*) FROM pg_locks WHERE NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
}
