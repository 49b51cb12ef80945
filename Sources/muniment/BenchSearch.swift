import ArgumentParser
import Blocking
import Foundation
import Runtime

/// Index and searches, beside bare Xapian and what people use in its place, over the same documents and readers.
struct SearchBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract:
      "Search, beside bare Xapian, PostgreSQL, SQLite and tantivy with the same documents and readers.",
    discussion: """
      Without --library messages are ingested into the temporary home, and asked for by calls and over HTTP. With it \
      documents go straight into the index, fast enough for millions; corpora shorter than --messages are taken \
      several times over as other conversations. A contestant that answers something else than the product ends \
      the run; one that is not installed is named as skipped.
      """)
  @OptionGroup var options: BenchOptions
  @Flag(help: "Feed the index directly, without catalogue, messages and HTTP.")
  var library = false
  @Flag(help: "Blind the words, with a key for each conversation.")
  var blinded = false
  @Option(help: "Queries of every kind and size of reader.")
  var queries = 100
  @Option(help: "Readers at the same time under load.")
  var readers = 100
  @Option(help: "Seconds a kind of query, and a condition of load, may take.")
  var seconds = 10.0
  @Option(help: "Groups of index shards.")
  var groups = 4
  @Option(
    parsing: .upToNextOption,
    help: "Leave out: xapian, postgres, sqlite, tantivy, load. The output says what was left out.")
  var skip: [String] = []
  @Option(help: "Documents the bare loop is measured with, at most.")
  var bareMessages = 1_000_000
  @Option(help: "The script that runs SQLite and tantivy.")
  var peersScript = "Tests/Compatibility/bench_peers.py"
  @Option(help: "The Python that runs it.")
  var python = "python3"

  private static let parts: Set = ["xapian", "postgres", "sqlite", "tantivy", "load"]

  func validate() throws {
    guard (10...100_000).contains(queries) else { throw ValidationError("--queries takes 10 to 100000") }
    guard (1...1_000).contains(readers) else { throw ValidationError("--readers takes 1 to 1000") }
    guard (1...3_600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 3600") }
    guard (1...64).contains(groups) else { throw ValidationError("--groups takes 1 to 64") }
    guard library || !blinded else {
      throw ValidationError("--blinded needs --library: whoever blinds words also opens the messages")
    }
    guard Self.parts.isSuperset(of: skip) else {
      throw ValidationError("--skip takes \(Self.parts.sorted().joined(separator: ", "))")
    }
  }

  func run() async throws {
    let report = try await BenchHome.with(options, writesCorpus: !library) { home in
      library
        ? try await LibrarySearchBench(self, home).run() : try await ServiceSearchBench(self, home).run()
    }
    try Output(json: options.json, quiet: false).value(report, text: report.text)
  }

  var tokens: BenchTokens { blinded ? .blinded(seed: options.seed) : .plain }
  var measuring: BenchMeasuring { BenchMeasuring(secondsPerCase: seconds) }

  func documents() throws -> BenchDocuments {
    options.corpora.isEmpty
      ? BenchDocuments(synthetic: options.messages, seed: options.seed)
      : try BenchDocuments(options.corpora, count: options.messages)
  }

  /// Where the run is, for whoever waits; figures go to standard output only at the end.
  func say(_ text: String) {
    guard !options.json else { return }
    FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
  }
}
