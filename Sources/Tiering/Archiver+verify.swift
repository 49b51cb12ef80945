import Catalog
import History
import KeyVault
import Model
import Postgres
import SegmentFormat
import Segments

extension Archiver {
  package struct Verification: Sendable {
    package var segments = 0
    package var damaged = 0
    package var findings: [String] = []
  }

  /// Checks every segment of the tenant. With `deep`, also opens every lane whose key exists and compares the
  /// messages it holds with the catalogue's counts.
  package func verifyAll(deep: Bool) async throws -> Verification {
    let tenant = tenant.id
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var verification = Verification()
    for segment in segments {
      let findings = try await findings(segment, deep: deep)
      verification.segments += 1
      if !findings.isEmpty { verification.damaged += 1 }
      verification.findings += findings
    }
    return verification
  }

  private func findings(_ segment: SegmentRow, deep: Bool) async throws -> [String] {
    let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
    let identity = try SegmentIdentity(
      tenant: segment.tenant, retentionClass: segment.retentionClass, period: segment.period, hex: segment.id)
    let owner = KeyOwner.period(segment.tenant, segment.retentionClass, segment.period)
    let keys = HeldKeys(
      period: try await vault.keys([owner], creating: false)[owner], conversations: [:], lanes: [:])
    let expected = SegmentVerifier.Expected(
      identity: identity, bytes: segment.bytes, hash: segment.hash, blocks: blocks.map(\.entry))
    var findings = try await SegmentVerifier(store: store).structure(expected, keys: keys).map(\.description)
    guard deep, findings.isEmpty else { return findings }
    for block in blocks {
      do {
        let bytes = try await store.read(
          SegmentName.object(segment.id), range: Int(block.offset)..<Int(block.offset) + Int(block.length))
        let decoded = try await history.archive.decode(block, bytes)
        if decoded.messages.count + decoded.unreadable != Int(block.count) {
          findings.append(
            "segment \(segment.id), block \(block.ordinal): holds another number of messages than catalogued")
        }
      } catch {
        let damage = try SegmentVerifier.damage(error)
        findings.append("segment \(segment.id), block \(block.ordinal): \(damage)")
      }
    }
    return findings
  }
}

extension BlockRow {
  var entry: BlockEntry {
    BlockEntry(
      ordinal: ordinal, conversation: conversation, route: route, firstPosition: first, lastPosition: last,
      count: count, offset: offset, length: length, hash: hash)
  }
}
