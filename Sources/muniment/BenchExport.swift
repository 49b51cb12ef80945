import ArgumentParser
import Catalog
import Exporting
import Model
import Postgres
import Runtime
import Tiering

/// A `jsonl` package of hot and of archived messages, against COPY of the same rows: what the database alone needs to
/// hand them out, sealed as they are; the archived ones also against opening every block of theirs and no more.
struct ExportBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export as jsonl, beside binary COPY of the same rows.")
  @OptionGroup var options: BenchOptions

  func run() async throws {
    try await options.run { home in
      try await home.ingest()
      // Nobody reads what the server writes there, so that the peer is not held back by a client.
      let database = home.application.database
      let copying = Stopwatch()
      try await database.executeAlone("COPY (SELECT * FROM message) TO '/dev/null' (FORMAT binary)")
      let copySeconds = copying.seconds
      let hot = try await export(home, "hot")
      let archiver = home.application.archiver(home.tenant)
      let archived = try await archiver.run(try await archiver.plan(before: Application.clock()))
      guard archived.messages == home.corpus.messages else {
        throw BenchError("\(archived.messages) of \(home.corpus.messages) messages were archived")
      }
      let cold = try await export(home, "cold")
      let unsealed = try await home.unseal()
      let count = Double(home.corpus.messages)
      return BenchReport(
        benchmark: "export", corpus: home.corpus.name, messages: home.corpus.messages, unit: "messages",
        rate: count / hot.seconds, peer: "COPY (FORMAT binary) of the same rows",
        peerRate: count / copySeconds,
        peakResidentBytes: max(hot.peak, cold.peak),
        details: [
          BenchMeasure("hot_seconds", hot.seconds), BenchMeasure("cold_seconds", cold.seconds),
          BenchMeasure("cold_messages_per_second", count / cold.seconds),
          BenchMeasure("unseal_messages_per_second", count / unsealed.seconds),
          BenchMeasure("cold_over_unseal", unsealed.seconds / cold.seconds),
          BenchMeasure("peer_seconds", copySeconds),
        ])
    }
  }

  private func export(_ home: BenchHome, _ name: String) async throws -> (seconds: Double, peak: Int) {
    let exporter = home.application.exporter(home.application.directory(home.tenant))
    ResidentMemory.resetPeak()
    let watch = Stopwatch()
    let record = try await exporter.create(
      ExportSelection(), formats: [.jsonl], output: home.path + "/" + name, actor: "bench")
    guard record.isComplete, record.counts.messages == home.corpus.messages else {
      throw BenchError("\(record.counts.messages) of \(home.corpus.messages) messages were exported")
    }
    return (watch.seconds, ResidentMemory.peakBytes)
  }
}
