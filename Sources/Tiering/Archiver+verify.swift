import Catalog
import History
import KeyVault
import Model
import Postgres
import SegmentFormat
import Segments

extension Archiver {
  /// What is wrong with one segment or with some blocks of it, and how many blocks and bytes were looked at; throws
  /// what the store throws where it does not answer.
  func findings(_ part: Part, deep: Bool) async throws -> (findings: [Finding], blocks: Int, bytes: Int64) {
    let segment = part.segment
    let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
    let looked = part.blocks.map { chosen in blocks.filter { chosen.contains($0.ordinal) } }
    let found = try await findings(segment, blocks, sample: part.blocks, deep: deep ? looked ?? blocks : [])
    let bytes = looked?.reduce(0) { $0 + Int64($1.length) } ?? segment.bytes
    return (found, (looked ?? blocks).count, bytes)
  }

  private func findings(
    _ segment: SegmentRow, _ blocks: [BlockRow], sample: Set<Int32>?, deep opened: [BlockRow]
  ) async throws -> [Finding] {
    let identity = try SegmentIdentity(
      tenant: segment.tenant, retentionClass: segment.retentionClass, period: segment.period, hex: segment.id,
      dictionary: segment.dictionary)
    let owner = KeyOwner.period(segment.tenant, segment.retentionClass, segment.period)
    let keys = HeldKeys(
      period: try await vault.keys([owner], creating: false)[owner], conversations: [:], lanes: [:],
      hasher: vault.hasher(segment.tenant), dictionary: nil)
    let expected = SegmentVerifier.Expected(
      identity: identity, bytes: segment.bytes, hash: segment.hash, blocks: blocks.map(\.entry))
    let counts = Dictionary(uniqueKeysWithValues: blocks.map { ($0.ordinal, Int64($0.count)) })
    let verifier = SegmentVerifier(store: store)
    func named(_ found: [SegmentFinding]) -> [Finding] {
      found.map {
        Finding(
          segment: $0.segment, block: $0.block, conversation: $0.conversation,
          messages: $0.block.flatMap { counts[$0] } ?? 0, what: $0.what)
      }
    }
    let structure = named(try await verifier.structure(expected, sample: sample, keys: keys))
    guard structure.isEmpty, !opened.isEmpty else { return structure }
    let rows = Dictionary(uniqueKeysWithValues: opened.map { ($0.ordinal, $0) })
    let parts = SegmentVerifier.Expected(
      identity: identity, bytes: segment.bytes, hash: segment.hash, blocks: opened.map(\.entry))
    let archive = history.archive
    return named(
      try await verifier.contents(parts) { entry, bytes in
        guard let row = rows[entry.ordinal] else { preconditionFailure("entries are made of rows") }
        return try await archive.decode(row, bytes)
      })
  }
}

extension BlockRow {
  var entry: BlockEntry {
    BlockEntry(
      ordinal: ordinal, conversation: conversation, route: route, firstPosition: first, lastPosition: last,
      count: count, offset: offset, length: length, hash: hash)
  }
}
