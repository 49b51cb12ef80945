import ArgumentParser
import Foundation
import Runtime

/// Benchmarks on a home of their own, each beside the raw peer of what it measures, in the same run.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure this machine: each benchmark beside its raw peer.",
    discussion: """
      Works in a temporary home with a PostgreSQL of its own and removes it. Rates on a busy machine are lower bounds; \
      the ratio to the peer, measured in the same run, says more.
      """,
    subcommands: [
      IngestBench.self, IndexBench.self, SearchBench.self, ArchiveBench.self, ExportBench.self,
      AuditBench.self,
      RetentionBench.self, ErasureBench.self,
    ])
}

struct BenchOptions: ParsableArguments {
  @Argument(help: "Corpus files (default: synthetic chat).")
  var corpora: [String] = []
  @Option(help: "Messages to measure with, at most.")
  var messages = 50_000
  @Option(help: "Seed of the synthetic chat and of the queries.")
  var seed: UInt64 = 1
  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (100...10_000_000).contains(messages) else {
      throw ValidationError("--messages takes 100 to 10000000")
    }
  }

  /// Runs the body on a fresh home with the corpus beside it, and prints what it reports.
  func run(_ body: (BenchHome) async throws -> BenchReport) async throws {
    let report = try await BenchHome.with(self, body)
    try Output(json: json, quiet: false).value(report, text: report.text)
  }
}

/// What a benchmark found.
struct BenchReport: Encodable {
  let benchmark: String
  let corpus: String
  /// Messages the benchmark worked on.
  let messages: Int
  /// What is counted: `messages`, `documents`, `answers`.
  let unit: String
  /// Of ours, a second.
  let rate: Double
  let peer: String
  let peerRate: Double
  /// Of the whole process while ours ran; the database's processes are not in it.
  let peakResidentBytes: Int
  /// Further measures, by name with unit.
  var details: [BenchMeasure] = []
  /// What people would use in our place.
  var peers: [ArchivePeer] = []

  var ratio: Double { peerRate > 0 ? rate / peerRate : 0 }

  enum CodingKeys: String, CodingKey {
    case benchmark, corpus, messages, unit, rate, peer, ratio, details, peers
    case peerRate = "peer_rate"
    case peakResidentBytes = "peak_rss_bytes"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(benchmark, forKey: .benchmark)
    try container.encode(corpus, forKey: .corpus)
    try container.encode(messages, forKey: .messages)
    try container.encode(unit, forKey: .unit)
    try container.encode(rate.rounded(), forKey: .rate)
    try container.encode(peer, forKey: .peer)
    try container.encode(peerRate.rounded(), forKey: .peerRate)
    try container.encode(BenchMeasure.rounded(ratio), forKey: .ratio)
    try container.encode(peakResidentBytes, forKey: .peakResidentBytes)
    try container.encode(
      Dictionary(details.map { ($0.name, BenchMeasure.rounded($0.value)) }) { first, _ in first },
      forKey: .details)
    if !peers.isEmpty { try container.encode(peers, forKey: .peers) }
  }

  var text: String {
    var lines = [
      "\(benchmark): \(corpus), \(messages) messages",
      "  ours   \(Int(rate)) \(unit)/s",
      "  peer   \(Int(peerRate)) \(unit)/s  (\(peer))",
      "  ratio  \(BenchMeasure.rounded(ratio))",
      "  peak resident memory  \(peakResidentBytes >> 20) MiB",
    ]
    lines += details.map { "  \($0.name)  \(BenchMeasure.rounded($0.value))" } + peers.map(\.text)
    return lines.joined(separator: "\n")
  }
}

/// One more number; its unit is the end of its name.
struct BenchMeasure: Sendable {
  let name: String
  let value: Double

  init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }

  /// To three decimals.
  static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}

/// Times of single answers, in seconds.
struct LatencySample: Sendable {
  private let sorted: [Double]

  /// `times` is not empty.
  init(_ times: [Double]) { sorted = times.sorted() }

  var median: Double { sorted[sorted.count / 2] }
  var p95: Double { sorted[min(sorted.count * 95 / 100, sorted.count - 1)] }
  var p99: Double { sorted[min(sorted.count * 99 / 100, sorted.count - 1)] }
  var count: Int { sorted.count }
  var mean: Double { sorted.reduce(0, +) / Double(sorted.count) }
}
