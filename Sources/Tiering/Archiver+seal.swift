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
  func seal(_ month: Plan.Month, bounds: [Int16: Int64], dictionary: [UInt8]?) async throws
    -> [SealedSegment]
  {
    var sealed: [SealedSegment] = []
    var open: SegmentDraft?
    // A conversation is sealed whole, so that what was sealed can be switched in when the time is up.
    for place in month.conversations where !pace.isOver(at: now()) {
      let bound = bounds[Int16(place.route.group(of: settings.groups))] ?? 0
      var run = HotRun(place.conversation, place.route, from: month.from, until: month.until)
      while let blocks = try await next(&run) {
        for block in blocks {
          let messages = block.filter { $0.position.sequence <= bound }
          guard !messages.isEmpty else { continue }
          if open == nil { open = try await SegmentDraft(self, month.period, dictionary) }
          try await open?.append(messages, conversation: place.conversation, route: place.route)
          if let full = open, full.bytes >= settings.segmentBytesTarget {
            sealed.append(try await full.finish())
            open = nil
          }
        }
      }
    }
    if let open { sealed.append(try await open.finish()) }
    return sealed
  }

  /// How far the hot messages of a conversation have been read.
  private struct HotRun {
    let conversation: ConversationID
    let route: RouteKey
    let end: MessagePosition
    /// `nil` once the end is reached.
    var cursor: MessagePosition?
    /// A block that more messages may still go into.
    var started: [StoredMessage] = []

    init(_ conversation: ConversationID, _ route: RouteKey, from: Timestamp, until: Timestamp) {
      self.conversation = conversation
      self.route = route
      cursor = MessagePosition(createdAt: from, sequence: 0)
      end = MessagePosition(createdAt: until, sequence: 0)
    }
  }

  /// Reads on and returns the blocks that are full now, at the end also the last one; `nil` after it.
  private func next(_ run: inout HotRun) async throws -> [[StoredMessage]]? {
    guard let cursor = run.cursor else { return nil }
    let (conversation, route, end) = (run.conversation, run.route, run.end)
    let rows = try await database.transaction { tx in
      try Messages.page(
        route: route, conversation: conversation, after: cursor, before: end, ascending: true,
        limit: Self.blockMessagesMax, in: tx)
    }
    let messages = try await history.opened(rows, tenant: tenant.id)
    guard messages.count == rows.count else {
      throw TieringError(
        .keyMissing, "hot messages whose keys are destroyed are still there; run the erasure again")
    }
    var blocks = Self.blocks(run.started + messages)
    let goesOn = rows.count == Self.blockMessagesMax
    run.cursor = goesOn ? messages.last?.position : nil
    run.started = goesOn ? blocks.popLast() ?? [] : []
    return blocks
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

  /// Reads the segment back from the store and compares every message with what was read from the hot rows.
  func verify(_ segment: SealedSegment) async throws {
    for (block, digest) in zip(segment.blocks, segment.digests) {
      let read = try await history.archive.messages(block)
      guard Self.digest(read) == digest else {
        throw TieringError(
          .verificationFailed,
          "segment \(segment.row.id), block \(block.ordinal) does not read back as it was written")
      }
    }
  }
}

/// A segment while it is written to a scratch file.
final class SegmentDraft {
  static let suffix = ".sealing"
  private let archiver: Archiver
  private let period: Period
  private let identity: SegmentIdentity
  private let path: String
  private let file: FileHandle
  private var writer: SegmentWriter
  private var keys: HeldKeys
  private var digests: [[UInt8]] = []
  private var messages: Int64 = 0
  private var hash = BLAKE2b()
  private(set) var bytes: Int64 = 0

  init(_ archiver: Archiver, _ period: Period, _ dictionary: [UInt8]?) async throws {
    self.archiver = archiver
    self.period = period
    identity = SegmentIdentity(
      tenant: archiver.tenant.id, retentionClass: 0, period: period, id: Randomness.bytes(16),
      dictionary: dictionary)
    let owner = KeyOwner.period(archiver.tenant.id, 0, period)
    let held = try await archiver.vault.keys([owner], creating: true)
    keys = HeldKeys(
      period: held[owner], conversations: [:], lanes: [:], hasher: archiver.vault.hasher(archiver.tenant.id),
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

  func append(_ block: [StoredMessage], conversation: ConversationID, route: RouteKey) async throws {
    let tenant = archiver.tenant.id
    let owner = KeyOwner.conversation(tenant, conversation)
    keys.conversations =
      try await archiver.vault.keys([owner], creating: false)[owner].map { [conversation: $0] } ?? [:]
    let lanes = Set(
      block.map { LaneID(tenant: tenant, subject: $0.sender, conversation: conversation, period: period) })
    keys.lanes = [:]
    for (lane, key) in try await archiver.vault.lanes(lanes, creating: false) {
      keys.lanes[HeldKeys.Lane(sender: lane.subject, conversation: conversation)] = key.secret
    }
    let before = bytes
    try write(writer.block(conversation, route: route, block, keys: keys))
    digests.append(Archiver.digest(block))
    messages += Int64(block.count)
    FaultPoint.reach("seal.block")
    try await archiver.pace.passed(bytes: bytes - before, messages: block.count)
  }

  private func write(_ chunk: [UInt8]) throws {
    try file.write(contentsOf: chunk)
    hash.update(chunk)
    bytes += Int64(chunk.count)
  }

  /// Closes the segment and puts it into the store.
  func finish() async throws -> SealedSegment {
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
