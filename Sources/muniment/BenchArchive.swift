import ArgumentParser
import Catalog
import History
import KeyVault
import Model
import Postgres
import Runtime
import SegmentFormat
import Sodium
import Tiering
import Zstd

/// Seal, verify and switch, and reading back, against compression and encryption alone of the same payloads.
struct ArchiveBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive", abstract: "Archive, beside zstd and XChaCha20-Poly1305 over the same payloads.")
  @OptionGroup var options: BenchOptions
  @Flag(help: "Store messages without search tokens.")
  var noTokens = false
  @Flag(help: "Leave out zstd over the whole file, which takes longest.")
  var noWholeFile = false
  @Option(help: "Pages of 50 messages to read, each of a random place.")
  var pages = 500

  func run() async throws {
    try await options.run { home in
      var home = home
      home.hasTokens = !noTokens
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
      let whole = noWholeFile ? [] : try WholeFile.all(home.corpus.path)
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
        ]
          + SealClock.Phase.allCases.map {
            BenchMeasure("\($0.rawValue)_seconds", archiver.clock.seconds[$0] ?? 0)
          } + columns.costs.map { BenchMeasure("\($0)_bytes_per_message", Double($1) / count) }
          + whole.flatMap {
            [
              BenchMeasure("\($0.name)_bytes_per_message", Double($0.bytes) / count),
              BenchMeasure("\($0.name)_messages_per_second", count / $0.seconds),
            ]
          })
    }
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

  /// Opens every block; only that counts, while the peer is handed what was read.
  private func unseal(_ home: BenchHome, _ peer: inout BareSeal, _ format: inout FormatSeal) async throws -> (
    messages: Int, seconds: Double
  ) {
    let (database, tenant) = (home.application.database, home.tenant.id)
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var messages = 0
    var seconds = 0.0
    for segment in segments {
      let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
      var runs: [BlockRun] = []
      for block in blocks {
        let watch = Stopwatch()
        let read = try await home.application.history.archive.messages(block)
        seconds += watch.seconds
        messages += read.count
        runs.append(BlockRun(conversation: block.conversation, route: block.route, messages: read))
        for message in read { try peer.add(message.payload) }
      }
      try await format.add(runs, of: segment, home.application)
    }
    try peer.finish()
    return (messages, seconds)
  }
}

/// What must be done at least: one key, no columns, no authors, no directory.
private struct BareSeal {
  private let key = SecretBytes(random: AEAD.keySize)
  private var block: [UInt8] = []
  private(set) var payloadBytes = 0
  private(set) var sealedBytes = 0
  private(set) var sealSeconds = 0.0
  private(set) var openSeconds = 0.0

  private static let blockBytes = 256 << 10

  mutating func add(_ payload: [UInt8]) throws {
    block += payload
    payloadBytes += payload.count
    if block.count >= Self.blockBytes { try finish() }
  }

  mutating func finish() throws {
    guard !block.isEmpty else { return }
    let sealing = Stopwatch()
    let sealed = AEAD.seal(ZstdFrame.compress(block, level: 3), key: key)
    sealSeconds += sealing.seconds
    let opening = Stopwatch()
    let opened = try ZstdFrame.decompress(AEAD.open(sealed, key: key), limit: block.count)
    openSeconds += opening.seconds
    guard opened == block else { throw BenchError("the peer did not open what it sealed") }
    sealedBytes += sealed.count
    block.removeAll(keepingCapacity: true)
  }
}

/// The format alone: messages in memory to a segment's bytes and back, on one core, with the keys at hand.
private struct FormatSeal {
  private(set) var sealSeconds = 0.0
  private(set) var openSeconds = 0.0

  mutating func add(_ runs: [BlockRun], of segment: SegmentRow, _ application: Application) async throws {
    let identity = SegmentIdentity(
      tenant: segment.tenant, retentionClass: segment.retentionClass, period: segment.period,
      id: Randomness.bytes(SegmentIdentity.idSize), dictionary: segment.dictionary)
    let keys = try await keys(runs, identity, application)
    let sealing = Stopwatch()
    var writer = try SegmentWriter(identity: identity, keys: keys)
    var blocks: [[UInt8]] = []
    for run in runs {
      blocks.append(try writer.block(run.conversation, route: run.route, run.messages, keys: keys))
    }
    _ = try writer.finish(keys: keys)
    sealSeconds += sealing.seconds
    if !blocks.isEmpty { blocks[0].removeFirst(SegmentIdentity.headerSize) }
    let opening = Stopwatch()
    for (entry, bytes) in zip(writer.directory, blocks) {
      let opened = try SegmentReader.decode(entry, bytes, identity: identity, keys: keys).messages.count
      guard opened == Int(entry.count) else { throw BenchError("a block did not open as it was sealed") }
    }
    openSeconds += opening.seconds
  }

  private func keys(_ runs: [BlockRun], _ identity: SegmentIdentity, _ application: Application) async throws
    -> HeldKeys
  {
    let (tenant, vault) = (identity.tenant, application.vault)
    let batch = try await SealBatch(runs, tenant: tenant, period: identity.period, vault: vault)
    let owner = KeyOwner.period(tenant, identity.retentionClass, identity.period)
    let dictionaries = application.history.archive.dictionaries
    return HeldKeys(
      period: try await vault.keys([owner], creating: false)[owner], conversations: batch.conversations,
      lanes: batch.lanes, hasher: vault.hasher(tenant),
      dictionary: try await dictionaries.dictionary(identity.dictionary, tenant: tenant))
  }
}
