import Catalog
import History
import KeyVault
import Model
import SegmentFormat
import Segments
import Sodium

extension Archiver {
  /// Bytes read back at a time, unless a block alone is larger.
  private static let readbackBytes = 4 << 20

  /// Reads the segment back from the store and compares every message with what was read from the hot rows.
  func verify(_ segment: SealedSegment) async throws {
    let watch = ContinuousClock.now
    defer { clock.add(.verifying, since: watch) }
    var start = 0
    while start < segment.blocks.count {
      var end = start + 1
      let first = segment.blocks[start]
      while end < segment.blocks.count,
        segment.blocks[end].offset + Int64(segment.blocks[end].length) - first.offset <= Self.readbackBytes
      {
        end += 1
      }
      try await verify(segment, start..<end)
      start = end
    }
  }

  private func verify(_ segment: SealedSegment, _ range: Range<Int>) async throws {
    let blocks = Array(segment.blocks[range])
    let (start, last) = (Int(blocks[0].offset), blocks[blocks.count - 1])
    let bytes = try await store.read(
      SegmentName.object(segment.row.id), range: start..<Int(last.offset) + Int(last.length))
    let identity = try SegmentIdentity(
      tenant: segment.row.tenant, retentionClass: segment.row.retentionClass, period: segment.row.period,
      hex: segment.row.id, dictionary: segment.row.dictionary)
    let parts = blocks.map { block in
      (
        entry: block.entry,
        bytes: Array(bytes[Int(block.offset) - start..<Int(block.offset) - start + Int(block.length)])
      )
    }
    let keys = try await keys(for: parts, identity)
    let digests = try await SealThreads.map(parts.count) { index in
      Self.digest(
        try SegmentReader.decode(parts[index].entry, parts[index].bytes, identity: identity, keys: keys)
          .messages)
    }
    for (index, digest) in digests.enumerated() where digest != segment.digests[range.lowerBound + index] {
      throw TieringError(
        .verificationFailed,
        "segment \(segment.row.id), block \(blocks[index].ordinal) does not read back as it was written")
    }
  }

  /// The keys of all lanes of some blocks, from the vault as any reader gets them.
  private func keys(for blocks: [(entry: BlockEntry, bytes: [UInt8])], _ identity: SegmentIdentity)
    async throws
    -> HeldKeys
  {
    let tenant = identity.tenant
    let period = KeyOwner.period(tenant, identity.retentionClass, identity.period)
    let owners = blocks.map { KeyOwner.conversation(tenant, $0.entry.conversation) }
    let held = try await vault.keys(Set(owners + [period]), creating: false)
    var keys = HeldKeys(
      period: held[period], conversations: [:], lanes: [:], hasher: vault.hasher(tenant),
      dictionary: try await history.archive.dictionaries.dictionary(identity.dictionary, tenant: tenant))
    for (block, owner) in zip(blocks, owners) { keys.conversations[block.entry.conversation] = held[owner] }
    var lanes: Set<LaneID> = []
    for block in blocks {
      for sender in try SegmentReader.senders(of: block.entry, block.bytes, identity: identity, keys: keys) {
        lanes.insert(
          LaneID(
            tenant: tenant, subject: sender, conversation: block.entry.conversation,
            retentionClass: identity.retentionClass, period: identity.period))
      }
    }
    for (lane, key) in try await vault.lanes(lanes, creating: false) {
      keys.lanes[HeldKeys.Lane(sender: lane.subject, conversation: lane.conversation)] = key.secret
    }
    return keys
  }
}
