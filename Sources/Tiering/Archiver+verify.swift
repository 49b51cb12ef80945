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
    var findings = try await SegmentVerifier(store: store).structure(
      expected, sample: sample, keys: keys
    ).map { found in
      Finding(
        segment: found.segment, block: found.block, conversation: found.conversation,
        messages: found.block.flatMap { counts[$0] } ?? 0, what: found.what)
    }
    guard findings.isEmpty else { return findings }
    for block in opened {
      do {
        let bytes = try await store.read(
          SegmentName.object(segment.id), range: Int(block.offset)..<Int(block.offset) + Int(block.length))
        let decoded = try await history.archive.decode(block, bytes)
        if decoded.messages.count + decoded.unreadable != Int(block.count) {
          findings.append(Self.finding(block, "holds another number of messages than catalogued"))
        }
      } catch {
        findings.append(Self.finding(block, try SegmentVerifier.damage(error)))
      }
    }
    return findings
  }

  private static func finding(_ block: BlockRow, _ what: String) -> Finding {
    Finding(
      segment: block.segment, block: block.ordinal, conversation: block.conversation,
      messages: Int64(block.count), what: what)
  }
}

extension BlockRow {
  var entry: BlockEntry {
    BlockEntry(
      ordinal: ordinal, conversation: conversation, route: route, firstPosition: first, lastPosition: last,
      count: count, offset: offset, length: length, hash: hash)
  }
}
