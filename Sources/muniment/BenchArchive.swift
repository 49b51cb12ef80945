import ArgumentParser
import Blocking
import Catalog
import History
import KeyVault
import Model
import Postgres
import Runtime
import SearchTokens
import SegmentFormat
import Tiering
import Zstd

/// Seal, verify and switch, and reading back, against compression and encryption alone of the same payloads, and beside
/// what people would use in its place.
struct ArchiveBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive",
    abstract:
      "Archive, beside zstd and XChaCha20-Poly1305 over the same payloads, and beside other archives.",
    discussion: """
      Others are tar with zstd and age, borg, restic, and Parquet by DuckDB and by pyarrow, over the same messages as \
      JSON lines. One that is not installed is named as skipped. With --sealed bodies are sealed and tokens blinded as by \
      a client; others get the same ciphertext.
      """)
  @OptionGroup var options: BenchOptions
  @Flag(help: "Store messages without search tokens.")
  var noTokens = false
  @Flag(help: "Leave out zstd over the whole file, which takes longest.")
  var noWholeFile = false
  @Flag(help: "Seal bodies and blind tokens before they are stored, as a client does.")
  var sealed = false
  @Option(
    parsing: .upToNextOption,
    help: "Leave out: tar_zstd_age, borg, restic, duckdb, pyarrow. The output says what was left out.")
  var skip: [String] = []
  @Option(help: "The script that runs them.")
  var peersScript = "Tests/Compatibility/bench_archive_peers.py"
  @Option(help: "The Python that runs it.")
  var python = "python3"
  @Option(help: "Pages of 50 messages to read, each of a random place.")
  var pages = 500

  func validate() throws {
    guard Set(ArchivePeers.names).isSuperset(of: skip) else {
      throw ValidationError("--skip takes \(ArchivePeers.names.joined(separator: ", "))")
    }
    guard !(sealed && noTokens) else {
      throw ValidationError("--sealed has blinded tokens; what they take is told apart")
    }
  }

  func run() async throws {
    try await options.run { home in
      var home = home
      home.hasTokens = !noTokens
      home.master = self.sealed ? .random() : nil
      try await home.ingest()
      let archiver = home.application.archiver(home.tenant)
      ResidentMemory.resetPeak()
      let watch = Stopwatch()
      let sealed = try await archiver.run(try await archiver.plan(before: Application.clock()))
      let seconds = watch.seconds
      let peak = ResidentMemory.peakBytes
      guard sealed.messages == home.corpus.messages else {
        throw BenchError("\(sealed.messages) of \(home.corpus.messages) messages were archived")
      }
      var peer = BareSeal()
      var format = FormatSeal()
      let unsealed = try await unseal(home, &peer, &format)
      guard unsealed.messages == sealed.messages else {
        throw BenchError("\(unsealed.messages) of \(sealed.messages) archived messages were read back")
      }
      let pages = try await pageTimes(home)
      let columns = try await columns(home)
      let lines = try peersLines(home)
      let whole = noWholeFile ? [] : try WholeFile.all(lines.path)
      let peers = try await peers(home, lines)
      let count = Double(sealed.messages)
      let megabytes = Double(peer.payloadBytes) / 1e6
      return BenchReport(
        benchmark: "archive", corpus: home.corpus.name, messages: sealed.messages, unit: "messages",
        rate: count / seconds, peer: "zstd -3 and XChaCha20-Poly1305, blocks of 256 KiB",
        peerRate: count / peer.sealSeconds, peakResidentBytes: peak,
        details: [
          BenchMeasure("seconds", seconds), BenchMeasure("seal_mb_per_second", megabytes / seconds),
          BenchMeasure("peer_seal_mb_per_second", megabytes / peer.sealSeconds),
          BenchMeasure("format_seal_messages_per_second", count / format.sealSeconds),
          BenchMeasure("format_seal_ratio", peer.sealSeconds / format.sealSeconds),
          BenchMeasure("format_open_messages_per_second", count / format.openSeconds),
          BenchMeasure("format_open_ratio", peer.openSeconds / format.openSeconds),
          BenchMeasure("unseal_messages_per_second", count / unsealed.seconds),
          BenchMeasure("unseal_mb_per_second", megabytes / unsealed.seconds),
          BenchMeasure("peer_unseal_mb_per_second", megabytes / peer.openSeconds),
          BenchMeasure("unseal_ratio", peer.openSeconds / unsealed.seconds),
          BenchMeasure("segments", Double(sealed.segments)),
          BenchMeasure("bytes_per_message", Double(sealed.bytes) / count),
          BenchMeasure("peer_bytes_per_message", Double(peer.sealedBytes) / count),
          BenchMeasure("payload_bytes_per_message", Double(peer.payloadBytes) / count),
          BenchMeasure("dictionary_bytes_per_message", Double(columns.dictionaryBytes) / count),
          BenchMeasure("page_median_ms", pages.median * 1_000),
          BenchMeasure("page_p95_ms", pages.p95 * 1_000),
        ] + format.sizes(count)
          + SealClock.Phase.allCases.map {
            BenchMeasure("\($0.rawValue)_seconds", archiver.clock.seconds[$0] ?? 0)
          } + columns.costs.map { BenchMeasure("\($0)_bytes_per_message", Double($1) / count) }
          + whole.flatMap {
            [
              BenchMeasure("\($0.name)_bytes_per_message", Double($0.bytes) / count),
              BenchMeasure("\($0.name)_messages_per_second", count / $0.seconds),
            ]
          }, peers: peers)
    }
  }

  /// What peers are given: with --sealed the same ciphertext.
  private func peersLines(_ home: BenchHome) throws -> BenchCorpus {
    guard let master = home.master else { return home.corpus }
    return try home.corpus.sealed(master, tenant: home.tenant.name, to: home.path + "/sealed.ndjson")
  }

  private func peers(_ home: BenchHome, _ lines: BenchCorpus) async throws -> [ArchivePeer] {
    let peers = ArchivePeers(
      script: PeerScript(path: peersScript, python: python), directory: home.path, corpus: lines,
      isSealed: sealed)
    var found: [ArchivePeer] = []
    for name in ArchivePeers.names {
      guard !skip.contains(name) else {
        found.append(ArchivePeer(name: name, skipped: "asked to by --skip"))
        continue
      }
      found.append(try await runBlocking { try peers.run(name) })
    }
    return found
  }

  /// How long pages of archived history take that begin anywhere; nothing of a page is kept for the next.
  private func pageTimes(_ home: BenchHome) async throws -> LatencySample {
    let (database, tenant) = (home.application.database, home.tenant.id)
    let blocks = try await database.transaction { tx in
      try Archive.segments(tenant: tenant, in: tx).flatMap { try Archive.blocks(segment: $0.id, in: tx) }
    }
    var random = SplitMix64(seed: options.seed)
    var times: [Double] = []
    for _ in 0..<pages {
      guard let block = blocks.randomElement(using: &random) else { break }
      let (first, last) = (block.first.createdAt.microseconds, block.last.createdAt.microseconds)
      let before = Timestamp(microseconds: Int64.random(in: first...last, using: &random))
      let span = HistoryReader.Span(
        conversation: block.conversation, route: block.route, tenant: tenant,
        before: MessagePosition(createdAt: before, sequence: .max))
      let watch = Stopwatch()
      _ = try await home.application.history.page(span, limit: 50)
      times.append(watch.seconds)
    }
    guard !times.isEmpty else { throw BenchError("--pages takes 1 or more") }
    return LatencySample(times)
  }

  /// What the columns of all segments take, and the dictionaries they need.
  private func columns(_ home: BenchHome) async throws -> (
    costs: [(String, Int64)], dictionaryBytes: Int
  ) {
    let (database, tenant) = (home.application.database, home.tenant.id)
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var sums = [Int64](repeating: 0, count: ColumnCosts.Column.allCases.count)
    for segment in segments { for index in sums.indices { sums[index] += segment.columns[index] } }
    var bytes = 0
    for id in Set(segments.compactMap(\.dictionary)) {
      let shelf = home.application.history.archive.dictionaries
      bytes += try await shelf.dictionary(id, tenant: tenant)?.bytes.count ?? 0
    }
    return (Array(zip(ColumnCosts.Column.allCases.map(\.rawValue), sums)), bytes)
  }

  /// The peer is handed what was read.
  private func unseal(_ home: BenchHome, _ peer: inout BareSeal, _ format: inout FormatSeal) async throws -> (
    messages: Int, seconds: Double
  ) {
    let unsealed = try await home.unseal { segment, runs in
      for run in runs { for message in run.messages { try peer.add(message.payload) } }
      try await format.add(runs, of: segment, home.application)
    }
    try peer.finish()
    return unsealed
  }
}
