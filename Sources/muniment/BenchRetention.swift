import ArgumentParser
import AuditLog
import Catalog
import Foundation
import Model
import Postgres
import Retention
import Runtime

/// A run of retention over messages made in the database: what a deleted message costs, for each number that is due
/// and each number there is. The peer is the bare deletion of as many rows, by key, in batches of the same size.
struct RetentionBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retention",
    abstract: "Retention runs: cost of a deleted message, by what is due and what is not.",
    discussion: """
      Each pair of --due and --total is a home of its own. The full form is --due 10000 --due 100000 --due 1000000 \
      --total 10000000.
      """)
  @Option(help: "Messages that are due. Repeatable.")
  var due = [10_000, 100_000]
  @Option(help: "Messages there are. Repeatable.")
  var total = [200_000, 1_000_000]
  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard due.allSatisfy({ $0 >= 1_000 }), let most = due.max(),
      total.allSatisfy({ $0 >= most && $0 <= 100_000_000 })
    else { throw ValidationError("--due takes 1000 and more, --total at least the most that is due") }
  }

  private struct Shown: Encodable {
    let due: Int
    let total: Int
    let microsecondsPerDeleted: Double
    let peerMicrosecondsPerDeleted: Double
    let seconds: Double
    let emptyRunSeconds: Double

    enum CodingKeys: String, CodingKey {
      case due, total, seconds
      case microsecondsPerDeleted = "microseconds_per_deleted"
      case peerMicrosecondsPerDeleted = "peer_microseconds_per_deleted"
      case emptyRunSeconds = "empty_run_seconds"
    }

    var text: String {
      """
      due \(due) of \(total): \(microsecondsPerDeleted) µs a deleted message (bare deletion \
      \(peerMicrosecondsPerDeleted) µs), \(seconds) s; a run with nothing due \(emptyRunSeconds) s
      """
    }
  }

  func run() async throws {
    var costs: [Double] = []
    for total in total {
      for due in due {
        var options = BenchOptions()
        (options.corpora, options.messages, options.seed, options.json) = ([], 100, 1, json)
        let shown = try await BenchHome.with(options, writesCorpus: false) { home in
          try await measure(OldMessages(home: home, due: due, total: total))
        }
        costs.append(shown.microsecondsPerDeleted)
        try Output(json: json, quiet: false).value(shown, text: shown.text)
      }
    }
    let spread = (costs.max() ?? 0) / max(costs.min() ?? 1, 0.001)
    try Output(json: json, quiet: false).value(
      ["spread": BenchMeasure.rounded(spread)],
      text: "the dearest run costs \(BenchMeasure.rounded(spread)) times the cheapest, by deleted message")
  }

  private func measure(_ messages: OldMessages) async throws -> Shown {
    let service = messages.home.application.retention(
      messages.home.application.directory(messages.home.tenant))
    try await messages.make()
    let peer = try await messages.deleteBare()
    let empty = Stopwatch()
    guard try await service.apply(actor: "bench").due == 0 else {
      throw BenchError("messages are due too early")
    }
    let emptySeconds = empty.seconds
    try await messages.setPolicy()
    let watch = Stopwatch()
    let run = try await service.apply(actor: "bench")
    let seconds = watch.seconds
    guard run.deleted == messages.due, run.problem == nil else {
      throw BenchError("\(run.deleted) of \(messages.due) messages were deleted")
    }
    return Shown(
      due: messages.due, total: messages.total,
      microsecondsPerDeleted: BenchMeasure.rounded(seconds * 1e6 / Double(messages.due)),
      peerMicrosecondsPerDeleted: BenchMeasure.rounded(peer * 1e6),
      seconds: BenchMeasure.rounded(seconds), emptyRunSeconds: BenchMeasure.rounded(emptySeconds))
  }
}

/// Rows as ingestion stores them, with payloads that are never opened: `due` of them spread over the quarter before
/// a year ago, the others over the last half year.
private struct OldMessages: Sendable {
  let home: BenchHome
  let due: Int
  let total: Int

  private static let day: Int64 = 86_400 * 1_000_000
  private static let step = 200_000

  func make() async throws {
    let database = home.application.database
    let now = Application.clock().microseconds
    let old = now - 460 * Self.day..<now - 370 * Self.day
    let young = now - 180 * Self.day..<now - Self.day
    let periods = [old, young].flatMap { span in
      stride(from: span.lowerBound, through: span.upperBound, by: Int(20 * Self.day)).map {
        Period(containing: Timestamp(microseconds: $0))
      } + [Period(containing: Timestamp(microseconds: span.upperBound))]
    }
    try await database.transaction { tx in try Partitions.ensure(Set(periods), in: tx) }
    try await insertConversations()
    try await insert(0..<due, from: old.lowerBound, over: old.upperBound - old.lowerBound)
    try await insert(due..<total, from: young.lowerBound, over: young.upperBound - young.lowerBound)
    try await database.transaction { tx in try tx.executeScript("ANALYZE message_locator; ANALYZE message") }
  }

  private var conversations: Int { max(total / 500, 10) }

  private func insertConversations() async throws {
    let (tenant, conversations) = (home.tenant.id, conversations)
    try await home.application.database.transaction { tx in
      _ = try tx.execute(
        """
        INSERT INTO conversation (route_key, conversation_id, tenant_id, hash, kind, is_public, client_sealed, sealed,
          updated_at)
        SELECT hashint8extended(c, 3), c + 1, $1, int8send(c), 2, false, false, '', now()
        FROM generate_series(0, $2::bigint - 1) c
        """, [.int8(tenant.rawValue), .int8(Int64(conversations))])
    }
  }

  private func insert(_ numbers: Range<Int>, from start: Int64, over span: Int64) async throws {
    for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: Self.step) {
      let values: [PostgresValue] = [
        .int8(home.tenant.id.rawValue), .int8(Int64(conversations)), .int8(Int64(first)),
        .int8(Int64(min(first + Self.step, numbers.upperBound) - 1)), .int8(Int64(numbers.lowerBound)),
        .timestamp(microseconds: start), .int8(span / Int64(max(numbers.count, 1))),
      ]
      try await home.application.database.transaction { tx in
        for statement in [Self.locators, Self.messages] { _ = try tx.execute(statement, values) }
      }
    }
  }

  private static let place = "hashint8extended(g % $2, 3), g % $2 + 1"
  private static let time = "$6::timestamptz + ((g - $5) * $7) * interval '1 microsecond'"
  private static let locators = """
    INSERT INTO message_locator (route_key, message_low, tenant_id, conversation_route, conversation_id, sender_id,
      created_at, sequence, digest, state)
    SELECT hashint8extended(g, 1), g, $1, \(place), g % 1000 + 1, \(time), g + 1, g, 1
    FROM generate_series($3::bigint, $4::bigint) g
    """
  private static let messages = """
    INSERT INTO message (route_key, conversation_id, created_at, sequence, message_high, message_low, tenant_id,
      sender_id, payload)
    SELECT \(place), \(time), g + 1, hashint8extended(g, 1), g, $1, g % 1000 + 1, int8send(g) || '\\x0123456789abcdef'
    FROM generate_series($3::bigint, $4::bigint) g
    """

  /// Everything older than a year goes; in force since long ago, as no change waits here.
  func setPolicy() async throws {
    let service = home.application.retention(home.application.directory(home.tenant))
    let document = try PolicyDocument(
      json: #"{"policies":[{"name":"default","scope":{"tenant":true},"delete_after":"365d"}]}"#)
    let set = try await service.set(document, actor: "bench")
    try await home.application.database.transaction { tx in
      _ = try tx.execute(
        "UPDATE retention_policy_set SET effective_at = now() - interval '1 day' WHERE version = $1",
        [.int4(set.version)])
    }
  }

  /// Seconds a row of deleting as many rows, by key in batches, from a copy of the hot table without partitions.
  func deleteBare() async throws -> Double {
    let (database, count) = (home.application.database, min(due, 100_000))
    try await database.transaction { tx in
      try tx.executeScript(
        """
        CREATE TABLE bench_due AS SELECT * FROM message WHERE message_low < \(count);
        ALTER TABLE bench_due ADD PRIMARY KEY (route_key, conversation_id, created_at, sequence);
        CREATE INDEX ON bench_due (message_low);
        ANALYZE bench_due;
        """)
    }
    let watch = Stopwatch()
    for first in stride(from: 0, to: count, by: RetentionService.batchMessagesMax) {
      try await database.transaction { tx in
        _ = try tx.execute(
          "DELETE FROM bench_due WHERE message_low >= $1 AND message_low < $2",
          [.int8(Int64(first)), .int8(Int64(first + RetentionService.batchMessagesMax))])
      }
    }
    let seconds = watch.seconds
    try await database.transaction { tx in try tx.executeScript("DROP TABLE bench_due") }
    return seconds / Double(count)
  }
}
