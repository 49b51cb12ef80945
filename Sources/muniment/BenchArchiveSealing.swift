import Catalog
import History
import KeyVault
import Model
import Runtime
import SegmentFormat
import Sodium
import Tiering
import Zstd

/// What must be done at least: one key, no columns, no authors, no directory.
struct BareSeal {
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
struct FormatSeal {
  private(set) var sealSeconds = 0.0
  private(set) var openSeconds = 0.0
  private var bytes = 0
  private var bytesWithoutTokens = 0
  private var bound = SealedBound()

  mutating func add(_ runs: [BlockRun], of segment: SegmentRow, _ application: Application) async throws {
    let identity = Self.identity(segment)
    let keys = try await keys(runs, identity, application)
    let sealing = Stopwatch()
    var writer = try SegmentWriter(identity: identity, keys: keys)
    var blocks: [[UInt8]] = []
    for run in runs {
      blocks.append(try writer.block(run.conversation, route: run.route, run.messages, keys: keys))
    }
    let end = try writer.finish(keys: keys)
    sealSeconds += sealing.seconds
    let size = blocks.reduce(end.count) { $0 + $1.count }
    bytes += size
    if !blocks.isEmpty { blocks[0].removeFirst(SegmentIdentity.headerSize) }
    let opening = Stopwatch()
    for (entry, bytes) in zip(writer.directory, blocks) {
      let opened = try SegmentReader.decode(entry, bytes, identity: identity, keys: keys).messages.count
      guard opened == Int(entry.count) else { throw BenchError("a block did not open as it was sealed") }
    }
    openSeconds += opening.seconds
    let bare = try runs.map { try Self.withoutTokens($0) }
    bytesWithoutTokens +=
      zip(runs, bare).allSatisfy { $0.messages == $1.messages } ? size : try Self.size(bare, segment, keys)
    for run in bare { try bound.add(run) }
  }

  /// A segment is sealed under an id of its own, as nonces follow from it.
  private static func identity(_ segment: SegmentRow) -> SegmentIdentity {
    SegmentIdentity(
      tenant: segment.tenant, retentionClass: segment.retentionClass, period: segment.period,
      id: Randomness.bytes(SegmentIdentity.idSize), dictionary: segment.dictionary)
  }

  private static func size(_ runs: [BlockRun], _ segment: SegmentRow, _ keys: HeldKeys) throws -> Int {
    var writer = try SegmentWriter(identity: identity(segment), keys: keys)
    var size = 0
    for run in runs {
      size += try writer.block(run.conversation, route: run.route, run.messages, keys: keys).count
    }
    return size + (try writer.finish(keys: keys)).count
  }

  private static func withoutTokens(_ run: BlockRun) throws -> BlockRun {
    let messages = try run.messages.map { message in
      var payload = try MessagePayload(bytes: message.payload)
      guard payload.hasTokens else { return message }
      payload.tokens = nil
      return StoredMessage(
        key: message.key, position: message.position, conversation: message.conversation,
        sender: message.sender, payload: payload.bytes)
    }
    return BlockRun(conversation: run.conversation, route: run.route, messages: messages)
  }

  /// What tokens and ciphertext take, by message; segments on one core have what the archive's have.
  func sizes(_ count: Double) -> [BenchMeasure] {
    [
      BenchMeasure("without_tokens_bytes_per_message", Double(bytesWithoutTokens) / count),
      BenchMeasure("tokens_bytes_per_message", Double(bytes - bytesWithoutTokens) / count),
    ] + bound.measures(bytesWithoutTokens, count)
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

/// The least that sealed messages could take: their ciphertext as it is, and zstd's best of all else about them, block
/// by block as they lie in segments, without encryption, authors' lanes or a directory.
private struct SealedBound {
  private var ciphertextBytes = 0
  private var metadataBytes = 0

  private static let level: Int32 = 19

  mutating func add(_ run: BlockRun) throws {
    var (positions, senders, rest) = (ByteWriter(), ByteWriter(), ByteWriter())
    let before = ciphertextBytes
    var last = run.messages.first
    for message in run.messages {
      positions.signed(
        message.position.createdAt.microseconds - (last?.position.createdAt.microseconds ?? 0))
      positions.signed(message.position.sequence - (last?.position.sequence ?? 0))
      senders.signed(message.sender.rawValue)
      last = message
      var payload = try MessagePayload(bytes: message.payload)
      if case .sealed(var body) = payload.body {
        ciphertextBytes += body.wrappedKeys.values.reduce(body.ciphertext.count) { $0 + $1.count }
        (body.ciphertext, body.wrappedKeys) = ([], [:])
        payload.body = .sealed(body)
      }
      rest.raw(payload.bytes)
    }
    guard ciphertextBytes > before else { return }
    metadataBytes += ZstdFrame.compress(positions.bytes + senders.bytes + rest.bytes, level: Self.level).count
  }

  /// Nothing where no body is sealed.
  func measures(_ bytes: Int, _ count: Double) -> [BenchMeasure] {
    guard ciphertextBytes > 0 else { return [] }
    let bound = ciphertextBytes + metadataBytes
    return [
      BenchMeasure("sealed_bodies_bytes_per_message", Double(ciphertextBytes) / count),
      BenchMeasure("metadata_zstd_19_bytes_per_message", Double(metadataBytes) / count),
      BenchMeasure("without_tokens_over_bound", Double(bytes) / Double(bound)),
    ]
  }
}
