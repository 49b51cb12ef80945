import ArgumentParser
import Catalog
import History
import Model
import Postgres
import Runtime
import Sodium
import Tiering
import Zstd

/// Seal, verify and switch, and reading back, against compression and encryption alone of the same payloads.
struct ArchiveBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive", abstract: "Archive, beside zstd and XChaCha20-Poly1305 over the same payloads.")
  @OptionGroup var options: BenchOptions

  func run() async throws {
    try await options.run { home in
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
      let unsealed = try await unseal(home, &peer)
      guard unsealed.messages == sealed.messages else {
        throw BenchError("\(unsealed.messages) of \(sealed.messages) archived messages were read back")
      }
      let count = Double(sealed.messages)
      let megabytes = Double(peer.payloadBytes) / 1e6
      return BenchReport(
        benchmark: "archive", corpus: home.corpus.name, messages: sealed.messages, unit: "messages",
        rate: count / seconds, peer: "zstd -3 and XChaCha20-Poly1305, blocks of 256 KiB",
        peerRate: count / peer.sealSeconds, peakResidentBytes: peak,
        details: [
          BenchMeasure("seconds", seconds), BenchMeasure("seal_mb_per_second", megabytes / seconds),
          BenchMeasure("peer_seal_mb_per_second", megabytes / peer.sealSeconds),
          BenchMeasure("unseal_messages_per_second", count / unsealed.seconds),
          BenchMeasure("unseal_mb_per_second", megabytes / unsealed.seconds),
          BenchMeasure("peer_unseal_mb_per_second", megabytes / peer.openSeconds),
          BenchMeasure("unseal_ratio", peer.openSeconds / unsealed.seconds),
          BenchMeasure("segments", Double(sealed.segments)),
          BenchMeasure("bytes_per_message", Double(sealed.bytes) / count),
          BenchMeasure("peer_bytes_per_message", Double(peer.sealedBytes) / count),
          BenchMeasure("payload_bytes_per_message", Double(peer.payloadBytes) / count),
        ])
    }
  }

  /// Opens every block; only that counts, while the peer is handed what was read.
  private func unseal(_ home: BenchHome, _ peer: inout BareSeal) async throws -> (
    messages: Int, seconds: Double
  ) {
    let (database, tenant) = (home.application.database, home.tenant.id)
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var messages = 0
    var seconds = 0.0
    for segment in segments {
      let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
      for block in blocks {
        let watch = Stopwatch()
        let read = try await home.application.history.archive.messages(block)
        seconds += watch.seconds
        messages += read.count
        for message in read { try peer.add(message.payload) }
      }
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
