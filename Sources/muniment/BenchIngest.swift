import ArgumentParser
import Catalog
import Ingestion
import Model
import Postgres
import Runtime

/// Decode, tokenise, seal and store, against binary COPY alone of the same sealed rows.
struct IngestBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Ingest, beside bare binary COPY of the same sealed rows.")
  @OptionGroup var options: BenchOptions

  func run() async throws {
    try await options.run { home in
      ResidentMemory.resetPeak()
      let watch = Stopwatch()
      let messages = try await home.ingest().accepted
      let seconds = watch.seconds
      let peak = ResidentMemory.peakBytes
      let again = Stopwatch()
      _ = try await repeated(home)
      let repeatedSeconds = again.seconds
      let peer = try await BareCopy(database: home.application.database).run()
      let count = Double(messages)
      return BenchReport(
        benchmark: "ingest", corpus: home.corpus.name, messages: messages, unit: "messages",
        rate: count / seconds,
        peer: "binary COPY of the same sealed rows", peerRate: Double(peer.rows) / peer.seconds,
        peakResidentBytes: peak,
        details: [
          BenchMeasure("seconds", seconds), BenchMeasure("duplicates_per_second", count / repeatedSeconds),
          BenchMeasure("peer_row_bytes_mean", Double(peer.bytes) / Double(max(peer.rows, 1))),
        ])
    }
  }

  /// The same source once more: nothing may be stored twice.
  private func repeated(_ home: BenchHome) async throws -> IngestResult {
    let ingestor = home.application.ingestor(home.application.directory(home.tenant))
    let result = try await IngestRun(ingestor: ingestor, decoder: home.decoder).ingest(home.corpus.path)
    guard result.accepted == 0, result.duplicates == home.corpus.messages else {
      throw BenchError("a repeated source stored \(result.accepted) messages")
    }
    return result
  }
}

/// Copies all hot rows into a table of the same shape, in batches and transactions of the ingest's size, and counts
/// only the time of these.
private struct BareCopy: Sendable {
  let database: PostgresPool

  struct Outcome {
    var rows = 0
    var bytes = 0
    var seconds = 0.0
  }

  private struct Row: Sendable {
    let numbers: [Int64]
    let createdAt: Int64
    let payload: [UInt8]
  }

  func run() async throws -> Outcome {
    try await database.transaction { tx in
      try tx.executeScript(
        """
        CREATE TABLE bench_row AS SELECT row_number() OVER (ORDER BY sequence, message_low) AS place, * FROM message;
        CREATE UNIQUE INDEX ON bench_row (place);
        CREATE TABLE bench_message (LIKE message INCLUDING ALL);
        """)
    }
    var outcome = Outcome()
    while case let rows = try await batch(after: outcome.rows), !rows.isEmpty {
      let watch = Stopwatch()
      try await database.transaction { tx in _ = try copy(rows, in: tx) }
      outcome.seconds += watch.seconds
      outcome.rows += rows.count
      outcome.bytes += rows.reduce(0) { $0 + $1.payload.count }
    }
    return outcome
  }

  private func batch(after place: Int) async throws -> [Row] {
    try await database.transaction { tx in
      let rows = try tx.execute(
        """
        SELECT route_key, conversation_id, sequence, message_high, message_low, tenant_id, sender_id, created_at, payload
        FROM bench_row WHERE place > $1 AND place <= $1 + $2 ORDER BY place
        """, [.int8(Int64(place)), .int8(Int64(IngestRun.batchLinesMax))])
      return (0..<rows.count).map { row in
        Row(
          numbers: (0..<7).map { rows.int64(row, $0) }, createdAt: rows.timestamp(row, 7),
          payload: rows.bytes(row, 8))
      }
    }
  }

  private func copy(_ rows: [Row], in tx: borrowing Transaction) throws -> Int {
    try tx.copyIn(
      """
      COPY bench_message (route_key, conversation_id, sequence, message_high, message_low, tenant_id, sender_id,
        created_at, payload) FROM STDIN (FORMAT binary)
      """
    ) { (writer: inout CopyWriter) throws(PostgresError) in
      for row in rows {
        writer.beginRow(columns: 9)
        for number in row.numbers { writer.int8(number) }
        writer.timestamp(microseconds: row.createdAt)
        writer.bytes(row.payload)
      }
    }
  }
}
