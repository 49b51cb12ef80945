import ArgumentParser
import AuditLog
import Catalog
import Foundation
import Model
import Postgres
import Runtime

/// Appending to the audit log, in batches as jobs do, and one entry at a time from many tasks as requests do; beside
/// rows of the same bytes in a table without a tree.
struct AuditBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Appends to the audit log, beside bare inserts of the same entries.")
  @Option(help: "Entries appended in batches.")
  var entries = 20_000
  @Option(help: "Entries of one transaction.")
  var batch = 100
  @Option(help: "Tasks that append one entry at a time.")
  var tasks = 32
  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (100...10_000_000).contains(entries), (1...10_000).contains(batch), (1...64).contains(tasks) else {
      throw ValidationError("--entries takes 100 to 10000000, --batch 1 to 10000, --tasks 1 to 64")
    }
  }

  func run() async throws {
    var options = BenchOptions()
    (options.corpora, options.messages, options.seed, options.json) = ([], 100, 1, json)
    let report = try await BenchHome.with(options, writesCorpus: false) { home in
      try await AuditMeasuring(
        audit: home.application.audit, database: home.application.database, tenant: home.tenant.id,
        entries: entries, batch: batch, tasks: tasks
      ).run()
    }
    try Output(json: json, quiet: false).value(report, text: report.text)
  }
}

private struct AuditMeasuring: Sendable {
  let audit: AuditLog
  let database: PostgresPool
  let tenant: TenantID
  let entries: Int
  let batch: Int
  let tasks: Int

  func run() async throws -> BenchReport {
    ResidentMemory.resetPeak()
    let watch = Stopwatch()
    for start in stride(from: 0, to: entries, by: batch) {
      try await append(start..<min(start + batch, entries))
    }
    let seconds = watch.seconds
    let signing = Stopwatch()
    let (audit, database) = (audit, database)
    _ = try await database.transaction { tx in try audit.checkpoint(in: tx, at: Application.clock()) }
    let signed = signing.seconds
    let (single, singleSeconds) = try await singles()
    let verifying = Stopwatch()
    guard try await audit.verify(on: database).isIntact else { throw BenchError("the log does not verify") }
    let verified = Double(entries + single) / verifying.seconds
    let peak = ResidentMemory.peakBytes
    let peer = try await bareInserts()
    return BenchReport(
      benchmark: "audit", corpus: "entries in batches of \(batch)", messages: entries, unit: "entries",
      rate: Double(entries) / seconds, peer: "inserts of the same entries without a tree",
      peerRate: Double(entries) / peer, peakResidentBytes: peak,
      details: [
        BenchMeasure("entries_alone_per_second_\(tasks)_tasks", Double(single) / singleSeconds),
        BenchMeasure("checkpoint_milliseconds", signed * 1_000),
        BenchMeasure("verified_entries_per_second", verified),
      ])
  }

  private func append(_ numbers: Range<Int>) async throws {
    let (audit, made) = (audit, numbers.map(entry))
    try await database.transaction { tx in _ = try audit.append(made, at: Application.clock(), in: tx) }
  }

  private func entry(_ number: Int) -> AuditEntry {
    AuditEntry(
      tenant: tenant, actor: "officer-\(number % 20)", action: "message.read", object: "message",
      details: ["request": "0123456789abcdef"], personal: ["message": "message-\(number)"])
  }

  /// As requests' looks: each task waits for its entry's commit before the next.
  private func singles() async throws -> (count: Int, seconds: Double) {
    let count = max(tasks, min(entries / 10, 2_000))
    let queue = AuditQueue(log: audit, database: database)
    let watch = Stopwatch()
    try await withThrowingTaskGroup { group in
      for task in 0..<tasks {
        group.addTask {
          for number in stride(from: task, to: count, by: tasks) {
            try await queue.append(entry(number), at: Application.clock())
          }
        }
      }
      try await group.waitForAll()
    }
    return (count, watch.seconds)
  }

  private func bareInserts() async throws -> Double {
    try await database.transaction { tx in
      try tx.executeScript("CREATE TABLE bench_entry (entry_index bigint PRIMARY KEY, entry bytea NOT NULL)")
    }
    var seconds = 0.0
    for start in stride(from: 0, to: entries, by: batch) {
      let (audit, first, limit) = (audit, Int64(start), min(batch, entries - start))
      let read = try await database.read { tx in try audit.entries(from: first, limit: limit, in: tx) }
      let watch = Stopwatch()
      try await database.transaction { tx in
        _ = try tx.execute(
          "INSERT INTO bench_entry SELECT * FROM unnest($1::bigint[], $2::bytea[])",
          [.int8Array(read.map(\.index)), .bytesArray(read.map(\.bytes))])
      }
      seconds += watch.seconds
    }
    return seconds
  }
}
