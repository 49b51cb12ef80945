import ArgumentParser
import Runtime
import Search

/// Reading the feed, opening the messages and applying them, against the bare database fed the same documents.
struct IndexBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Index the feed, beside Xapian fed the same documents on as many cores.")
  @OptionGroup var options: BenchOptions

  /// Of the bare loop: as many as the reference machine has cores.
  private static let threads = 2

  func run() async throws {
    try await options.run { home in
      try await home.ingest()
      ResidentMemory.resetPeak()
      let watch = Stopwatch()
      let applied = try await home.application.indexer.catchUp()
      let seconds = watch.seconds
      let peak = ResidentMemory.peakBytes
      let bytes = BenchLibrary.bytes(in: home.path + "/index")
      var reader = BenchCorpusReader()
      try reader.read(home.corpus.path)
      let documents = BenchDocuments(reader, name: home.corpus.name)
      guard applied == documents.count else {
        throw BenchError("the index was given \(applied) of \(documents.count) documents")
      }
      let bare = BareXapian(directory: home.path + "/bare", groups: home.application.settings.indexGroups)
      let peer = try await bare.build(documents, .plain, threads: Self.threads, most: documents.count)
      return BenchReport(
        benchmark: "index", corpus: home.corpus.name, messages: home.corpus.messages, unit: "documents",
        rate: Double(applied) / seconds,
        peer: "Xapian alone on \(Self.threads) threads, the same documents and commits",
        peerRate: peer.rate, peakResidentBytes: peak,
        details: [BenchMeasure("seconds", seconds)]
          + bytes.sorted { $0.key < $1.key }.map {
            BenchMeasure("\($0.key)_bytes_per_document", Double($0.value) / Double(max(applied, 1)))
          })
    }
  }
}
