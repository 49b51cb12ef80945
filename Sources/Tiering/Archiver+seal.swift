import Blocking
import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import SegmentFormat
import Segments
import Sodium

/// A segment that is in the store but not in the catalogue yet.
struct SealedSegment: Sendable {
  let row: SegmentRow
  let blocks: [BlockRow]
  /// BLAKE2b over each block's messages as they were read from the hot rows.
  let digests: [[UInt8]]
}

extension Archiver {
  /// A block ends at this many messages or bytes of payload, whichever comes first.
  private static let blockMessagesMax = 2_048
  private static let blockBytesTarget = 512 << 10

  /// Writes the month's messages into one or more segments and hands these to the store.
  func seal(_ month: Plan.Month, under key: DataKey, bounds: [Int16: Int64], dictionary: [UInt8]?)
    async throws -> [SealedSegment]
  {
    let reader = HotReader(self, month, bounds: bounds)
    var sealed: [SealedSegment] = []
    var open: SegmentDraft?
    var batch = try await reader.next()
    while let current = batch {
      // One batch is read while the one before it is sealed, and no more.
      async let following = reader.next()
      if open == nil, !current.runs.isEmpty {
        open = try await SegmentDraft(self, month.period, under: key, dictionary)
      }
      try await open?.append(current)
      batch = try await following
      if let full = open, full.bytes >= settings.segmentBytesTarget {
        sealed.append(try await full.finish())
        open = nil
      }
    }
    if let open { sealed.append(try await open.finish()) }
    return sealed
  }

  /// Cuts messages into blocks by number and size.
  static func blocks(_ messages: [StoredMessage]) -> [[StoredMessage]] {
    var blocks: [[StoredMessage]] = []
    var bytes = 0
    for message in messages {
      let isFull = (blocks.last?.count ?? blockMessagesMax) >= blockMessagesMax || bytes >= blockBytesTarget
      if isFull {
        blocks.append([])
        bytes = 0
      }
      blocks[blocks.count - 1].append(message)
      bytes += message.payload.count
    }
    return blocks
  }

  static func digest(_ messages: [StoredMessage]) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 1 << 16)
    for message in messages {
      writer.fixed(message.key.high)
      writer.fixed(message.key.low)
      writer.fixed(message.position.createdAt.microseconds)
      writer.fixed(message.position.sequence)
      writer.fixed(message.conversation.rawValue)
      writer.fixed(message.sender.rawValue)
      writer.blob(message.payload)
    }
    return BLAKE2b.hash(writer.bytes)
  }
}

/// A segment while it is written to a scratch file.
final class SegmentDraft {
  static let suffix = ".sealing"
  private let archiver: Archiver
  private let period: Period
  private let key: DataKey
  private let identity: SegmentIdentity
  private let path: String
  private let file: FileHandle
  private var writer: SegmentWriter
  private var keys: HeldKeys
  private var digests: [[UInt8]] = []
  private var messages: Int64 = 0
  private var hash = BLAKE2b()
  private(set) var bytes: Int64 = 0

  /// - Parameter key: the month's; whoever switches the segment in asks whether it still is.
  init(_ archiver: Archiver, _ period: Period, under key: DataKey, _ dictionary: [UInt8]?) async throws {
    self.archiver = archiver
    self.period = period
    self.key = key
    identity = SegmentIdentity(
      tenant: archiver.tenant.id, retentionClass: 0, period: period, id: Randomness.bytes(16),
      dictionary: dictionary)
    keys = HeldKeys(
      period: key.secret, conversations: [:], lanes: [:], hasher: archiver.vault.hasher(archiver.tenant.id),
      dictionary: try await archiver.history.archive.dictionaries.dictionary(
        dictionary, tenant: archiver.tenant.id))
    writer = try SegmentWriter(identity: identity, keys: keys)
    try FileManager.default.createDirectory(
      atPath: archiver.settings.scratch, withIntermediateDirectories: true)
    path = archiver.settings.scratch + "/" + identity.hex + Self.suffix
    guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    self.file = file
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Blocks are sealed on all cores and written in their order.
  func append(_ batch: SealBatch) async throws {
    let watch = ContinuousClock.now
    guard batch.periodGenerations.isSubset(of: [key.generation]) else { throw Archiver.keyGone(period) }
    keys.conversations = batch.conversations
    keys.lanes = batch.lanes
    let (runs, keys, plan, first) = (batch.runs, keys, writer.plan(), writer.nextOrdinal)
    let blocks = try await SealThreads.map(runs.count) { index in
      let block = try plan.seal(runs[index], ordinal: first + Int32(index), keys: keys)
      return (block: block, digest: Archiver.digest(runs[index].messages))
    }
    let before = bytes
    for (block, digest) in blocks {
      try write(writer.append(block))
      digests.append(digest)
      FaultPoint.reach("seal.block")
    }
    let count = runs.reduce(0) { $0 + $1.messages.count }
    messages += Int64(count)
    archiver.clock.add(.sealing, since: watch)
    try await archiver.pace.passed(bytes: bytes - before, messages: count)
  }

  func append(_ block: [StoredMessage], conversation: ConversationID, route: RouteKey) async throws {
    let run = BlockRun(conversation: conversation, route: route, messages: block)
    try await append(
      SealBatch([run], tenant: archiver.tenant.id, period: period, vault: archiver.vault))
  }

  private func write(_ chunk: [UInt8]) throws {
    try file.write(contentsOf: chunk)
    hash.update(chunk)
    bytes += Int64(chunk.count)
  }

  /// Closes the segment and puts it into the store.
  func finish() async throws -> SealedSegment {
    let watch = ContinuousClock.now
    defer { archiver.clock.add(.storing, since: watch) }
    try write(writer.finish(keys: keys))
    try file.synchronize()
    try file.close()
    FaultPoint.reach("seal.closed")
    try await archiver.store.put(SegmentName.object(identity.hex), from: path)
    FaultPoint.reach("seal.published")
    let tenant = archiver.tenant.id
    let full = exchange(&hash, with: BLAKE2b()).finish()
    return SealedSegment(
      row: SegmentRow(
        id: identity.hex, tenant: tenant, retentionClass: 0, period: period, messages: messages, bytes: bytes,
        hash: full, sealedAt: archiver.now(), dictionary: identity.dictionary, columns: writer.costs.row),
      blocks: writer.directory.map {
        BlockRow(
          segment: identity.hex, period: period, tenant: tenant, retentionClass: 0, ordinal: $0.ordinal,
          route: $0.route,
          conversation: $0.conversation, first: $0.firstPosition, last: $0.lastPosition, count: $0.count,
          offset: $0.offset, length: $0.length, hash: $0.hash,
          dictionary: identity.dictionary)
      }, digests: digests)
  }
}

private func exchange(_ hash: inout BLAKE2b, with new: consuming BLAKE2b) -> BLAKE2b {
  let old = hash
  hash = new
  return old
}
