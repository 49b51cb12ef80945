import AuditLog
import Catalog
import Erasure
import Foundation
import History
import JobQueue
import KeyVault
import Logging
import Model
import Postgres
import Runtime
import Server
import Testing

@Suite("Jobs and the start of the service")
struct JobsTests {
  @Test("The nightly job runs each of its steps and records what it did")
  func nightly() async throws {
    let application = try await ServedHouse.openHome()
    let run = try await application.run(.nightly, actor: "test")
    #expect(run.state == "completed")
    for step in Job.nightlySteps {
      let last = try await application.database.transaction { tx in
        try JobRuns.history(name: step.rawValue, limit: 1, in: tx).first
      }
      #expect(last?.state == "completed", "\(step)")
      #expect(last?.slot == run.slot)
    }
    #expect(try await application.problems().isEmpty)
    await application.close()
  }

  @Test("The retention of all tenants drops partitions that none of them has a row in")
  func partitions() async throws {
    let application = try await ServedHouse.openHome()
    let month = Period(containing: Timestamp(civil: 2024, 1, 1))
    try await application.database.transaction { tx in try Partitions.ensure([month], in: tx) }
    #expect(try await application.run(.retention, actor: "test").problem == nil)
    #expect(try await !application.database.read { tx in try Partitions.list(in: tx).contains(month) })
    await application.close()
  }

  @Test("Work that its end cut short is a problem once that happened on two nights in a row")
  func stopped() async throws {
    let application = try await ServedHouse.openHome()
    func night(_ slot: String, isStopped: Bool) async throws {
      let run = try #require(try await application.begin(.compact, slot: slot))
      let now = Application.clock()
      try await application.database.transaction { tx in
        try JobRuns.finish(
          run.id, due: 2, done: 1, blocked: 0, problem: nil, stopped: isStopped, at: now, in: tx)
      }
    }
    try await night("2025-03-01", isStopped: true)
    #expect(try await application.problems().isEmpty)
    try await night("2025-03-02", isStopped: true)
    #expect(try await application.problems().map(\.code) == ["archive_behind"])
    try await night("2025-03-03", isStopped: false)
    #expect(try await application.problems().isEmpty)
    await application.close()
  }

  @Test("The steps of a night end at the same time, also of one that is late or tried again")
  func end() throws {
    let night = try #require(Scheduler.start(of: "2025-03-01", nightlyMinute: 120))
    #expect(night == Timestamp(civil: 2025, 3, 1).adding(seconds: 7_200))
    #expect(
      ArchivingLimits.next(minute: 300, after: night) == Timestamp(civil: 2025, 3, 1).adding(seconds: 18_000))
    #expect(Scheduler.start(of: "manual-run-1", nightlyMinute: 120) == nil)
    #expect(Scheduler.start(of: "2025-03-01", nightlyMinute: nil) == nil)
  }

  @Test("A slot has one run, and a job one runner")
  func oneRunner() async throws {
    let application = try await ServedHouse.openHome()
    let first = try await application.begin(.checkpoint, slot: "a night")
    #expect(first != nil)
    #expect(try await application.begin(.checkpoint, slot: "a night") == nil)
    try await application.holding("job/checkpoint") {
      _ = await #expect(throws: LeaseHeld.self) { try await application.run(.checkpoint, actor: "test") }
    }
    #expect(try await application.run(.checkpoint, actor: "test").state == "completed")
    await application.close()
  }

  @Test("a night whose process was killed is shown, and begun anew; one that runs is not")
  func killedNight() async throws {
    let application = try await ServedHouse.openHome()
    func begun(_ job: Job, minutesAgo minutes: Int64) async throws {
      guard let run = try await application.begin(job, slot: "a night") else { throw ServedHouse.Failed() }
      try await application.database.transaction { tx in
        try tx.execute(
          "UPDATE job_run SET started_at = started_at - make_interval(mins => $2::bigint::int) WHERE run_id = $1",
          [.int8(run.id), .int8(minutes)])
      }
    }
    try await begun(.checkpoint, minutesAgo: 10)
    let (second, problems) = try await application.holding("job/checkpoint") {
      (
        try await application.begin(.checkpoint, slot: "a night")?.id,
        try await application.problems().map(\.code)
      )
    }
    #expect(second == nil && problems.isEmpty)
    #expect(try await application.problems().map(\.code) == ["job_interrupted"])
    guard let again = try await application.begin(.checkpoint, slot: "a night") else {
      throw ServedHouse.Failed()
    }
    #expect(try await application.carryOut(.checkpoint, again, actor: "test").state == "completed")
    #expect(try await application.problems().isEmpty)
    #expect(try await application.begin(.checkpoint, slot: "a night") == nil)
    // Just begun: its lease may be about to be taken.
    try await begun(.verify, minutesAgo: 1)
    #expect(try await application.begin(.verify, slot: "a night") == nil)
    await application.close()
  }

  @Test(
    "case 14: the service does not open while the database has somebody who was erased, and says what to do")
  func revived() async throws {
    let application = try await ServedHouse.openHome()
    let directory = application.directory(try await application.tenant("acme"))
    _ = try await directory.intern(
      subjects: ["revenant": SubjectProfile(id: "revenant")], conversations: [:], at: Application.clock())
    try LedgerFile(home: application.settings.home).record(
      tenant: directory.tenant.id, hash: directory.hasher.hash("subject", "revenant"), erasure: 7)
    let refusal = await #expect(throws: ServingRefused.self) {
      try await application.serve(
        host: "127.0.0.1", port: 0, version: "test",
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
    #expect(refusal?.description.contains("muniment erase replay") == true)
    #expect(try await application.problems().map(\.code) == ["erased_revived"])
    // A ledger that cannot be read is not an empty one.
    try "damaged\n".write(
      toFile: application.settings.home + "/erasure-ledger", atomically: true, encoding: .utf8)
    await #expect(throws: ErasureError.self) {
      try await application.serve(
        host: "127.0.0.1", port: 0, version: "test",
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
    #expect(try await application.problems().map(\.code) == ["ledger_unusable"])
    await application.close()
  }

  @Test("A tenant whose work fails keeps no other from its own, and each is named")
  func tenantsFail() async throws {
    let application = try await ServedHouse.openHome()
    try await application.database.transaction { tx in
      try tx.executeScript(
        """
        INSERT INTO retention_policy_set (tenant_id, version, document, effective_at, created_at)
        SELECT tenant_id, 1, '{"policies":[{}]}', now(), now() FROM tenant
        """)
    }
    let run = try await application.run(.retention, actor: "test")
    #expect(run.state == "failed")
    for name in ["acme", "other"] { #expect(run.problem?.contains("tenant \(name): ") == true) }
    await application.close()
  }

  @Test("A log that does not continue what was signed before says so once, and goes on")
  func forked() async throws {
    let application = try await ServedHouse.openHome()
    let (audit, database) = (application.audit, application.database)
    func append() async throws {
      let entry = AuditEntry(tenant: nil, actor: "test", action: "test.done", object: "test")
      _ = try await database.transaction { tx in try audit.append([entry], at: Application.clock(), in: tx) }
    }
    for _ in 0..<2 {
      try await append()
      #expect(try await application.run(.checkpoint, actor: "test").state == "completed")
    }
    // As a database is that was restored from before the first entry, and has gone on since.
    try await database.transaction { tx in
      try tx.executeScript(
        """
        DELETE FROM audit_entry; DELETE FROM audit_node; DELETE FROM audit_personal; DELETE FROM audit_checkpoint;
        UPDATE audit_head SET size = 0, frontier = '', root = sha256('');
        """)
    }
    for _ in 0..<3 { try await append() }
    let run = try await application.run(.checkpoint, actor: "test")
    #expect(run.state == "failed" && run.problem?.contains("does not continue") == true)
    #expect(try await application.run(.checkpoint, actor: "test").state == "completed")
    let said = try await database.transaction { tx in
      try tx.execute("SELECT count(*) FROM audit_entry WHERE action = 'audit.restored'").int64(0, 0)
    }
    #expect(said == 1)
    #expect(try await audit.verify(on: database).isIntact)
    await application.close()
  }
}
