import Catalog
package import Model
import Postgres
import Segments
import Sodium

extension Archiver {
  /// Which segments a verification takes.
  package enum Scope: Sendable {
    case all
    /// A share of all blocks, from 0 to 1, at least one; the same for the same seed. Of their segments, only what is
    /// needed to find them is looked at besides, so that none counts as checked.
    case sample(share: Double, seed: UInt64)
    /// Tonight's part of a scrub that comes by everything within so many days: those that wait longest, as many as make
    /// a night, and all that would be late by tomorrow.
    case due(days: Int)
  }

  /// What is wrong with a segment, and how much hangs on it.
  package struct Finding: Sendable, Hashable, CustomStringConvertible {
    package let segment: String
    package let block: Int32?
    package let conversation: ConversationID?
    /// Messages of the block; 0 for what concerns the object and leaves its blocks readable.
    package let messages: Int64
    package let what: String

    package var description: String {
      "segment \(segment)" + (block.map { ", block \($0)" } ?? "")
        + (conversation.map { ", conversation \($0.rawValue)" } ?? "")
        + (messages > 0 ? ", \(messages) messages" : "") + ": " + what
    }
  }

  package struct Verification: Sendable {
    package var segments = 0
    package var bytes: Int64 = 0
    package var damaged = 0
    package var findings: [Finding] = []
    /// Damaged segments that are whole again, and what was wrong with them.
    package var repaired = 0
    package var mended: [Finding] = []
    package var blocks = 0
    /// All there are, checked or not.
    package var segmentsTotal = 0
    package var bytesTotal: Int64 = 0
    package var blocksTotal = 0

    package init() {}

    package static func += (left: inout Verification, right: Verification) {
      left.segments += right.segments
      left.bytes += right.bytes
      left.blocks += right.blocks
      left.damaged += right.damaged
      left.findings += right.findings
      left.repaired += right.repaired
      left.mended += right.mended
      left.segmentsTotal += right.segmentsTotal
      left.bytesTotal += right.bytesTotal
      left.blocksTotal += right.blocksTotal
    }

    /// Messages in blocks that are damaged.
    package var affected: Int64 {
      Set(
        findings.filter { $0.block != nil }.map { Place(segment: $0.segment, block: $0.block, $0.messages) }
      )
      .reduce(0) { $0 + $1.messages }
    }

    private struct Place: Hashable {
      let segment: String
      let block: Int32?
      let messages: Int64

      init(segment: String, block: Int32?, _ messages: Int64) {
        (self.segment, self.block, self.messages) = (segment, block, messages)
      }
    }
  }

  /// Checks segments of the tenant and notes those that are whole. With `deep`, also opens every lane whose key exists
  /// and compares the messages it holds with the catalogue's counts. With `repairing`, puts the replica's copies into
  /// the place of what is damaged, and the other way round; the caller holds the archive's lease then.
  ///
  /// With a replica its copies are checked as well. What a compaction replaced meanwhile is left out.
  ///
  /// - Throws: what the replica's store throws, at the end, if it did not answer and nothing was found.
  package func verify(_ scope: Scope, deep: Bool, repairing: Bool = false) async throws -> Verification {
    if repairing { _ = try replica() }
    let tenant = tenant.id
    let (segments, blocks) = try await database.transaction { tx in
      (try Archive.segments(tenant: tenant, in: tx), try Archive.blockCount(tenant: tenant, in: tx))
    }
    var verification = Verification()
    verification.segmentsTotal = segments.count
    verification.bytesTotal = segments.reduce(0) { $0 + $1.bytes }
    verification.blocksTotal = blocks
    var silence: (any Error)?
    for part in try await chosen(scope, of: segments) {
      let segment = part.segment
      var looked = try await findings(part, deep: deep)
      if !looked.findings.isEmpty, try await isGone(segment) {
        verification.segmentsTotal -= 1
        verification.bytesTotal -= segment.bytes
        continue
      }
      let found = looked.findings
      if repairing, !found.isEmpty { looked.findings = try await mended(part, found, deep: deep) }
      // Of blocks that were drawn only these were read: a copy is read whole.
      if looked.findings.isEmpty, part.blocks == nil, silence == nil {
        do {
          looked.findings = try await findingsOfCopy(segment, repairing: repairing, &verification)
        } catch let error as SegmentStoreError {
          silence = error
        }
      }
      if looked.findings.isEmpty, !found.isEmpty {
        verification.repaired += 1
        verification.mended += found
      }
      verification.segments += 1
      verification.bytes += looked.bytes
      verification.blocks += looked.blocks
      verification.findings += looked.findings
      if !looked.findings.isEmpty {
        verification.damaged += 1
      } else if part.blocks == nil {
        let now = now()
        try await database.transaction { tx in try Archive.verified(part.segment.id, at: now, in: tx) }
      }
    }
    if let silence, verification.findings.isEmpty { throw silence }
    return verification
  }

  /// Whether a segment was replaced while it was read: what was found then is no damage.
  private func isGone(_ segment: SegmentRow) async throws -> Bool {
    let row = try await database.read { tx in try Archive.segment(segment.id, in: tx) }
    return row.map { $0.supersededAt != nil } ?? true
  }

  private func findingsOfCopy(
    _ segment: SegmentRow, repairing: Bool, _ verification: inout Verification
  ) async throws -> [Finding] {
    guard let finding = try await findingOfCopy(segment), try await !isGone(segment) else { return [] }
    guard repairing else { return [finding] }
    if let reason = try await repair(segment, in: .replica) {
      return [
        finding, Finding(segment: segment.id, block: nil, conversation: nil, messages: 0, what: reason),
      ]
    }
    verification.repaired += 1
    verification.mended.append(finding)
    return []
  }

  /// What is still wrong with a segment after its repair.
  private func mended(_ part: Part, _ found: [Finding], deep: Bool) async throws -> [Finding] {
    guard let reason = try await repair(part.segment) else {
      return try await findings(part, deep: deep).findings
    }
    return found + [
      Finding(segment: part.segment.id, block: nil, conversation: nil, messages: 0, what: reason)
    ]
  }

  /// What is looked at of a segment.
  struct Part {
    let segment: SegmentRow
    /// Ordinals of blocks; `nil` for all of it.
    let blocks: Set<Int32>?
  }

  private func chosen(_ scope: Scope, of segments: [SegmentRow]) async throws -> [Part] {
    let tenant = tenant.id
    switch scope {
    case .all: return segments.map { Part(segment: $0, blocks: nil) }
    case .sample(let share, let seed):
      let places = try await database.transaction { tx in try Archive.blockPlaces(tenant: tenant, in: tx) }
      let ids = Self.sample(places.map { "\($0.segment)/\($0.ordinal)" }, share: share, seed: seed)
      var blocks: [String: Set<Int32>] = [:]
      for place in places where ids.contains("\(place.segment)/\(place.ordinal)") {
        blocks[place.segment, default: []].insert(place.ordinal)
      }
      return segments.compactMap { segment in
        blocks[segment.id].map { Part(segment: segment, blocks: $0) }
      }
    case .due(let days):
      let ages = try await database.transaction { tx in try Archive.byAge(tenant: tenant, in: tx) }
      let ids = Self.due(ages, days: days, at: now())
      return segments.filter { ids.contains($0.id) }.map { Part(segment: $0, blocks: nil) }
    }
  }

  package static func sample(_ ids: [String], share: Double, seed: UInt64) -> Set<String> {
    guard !ids.isEmpty else { return [] }
    let count = min(max(Int((Double(ids.count) * share).rounded(.up)), 1), ids.count)
    let ranked = ids.map { (rank: BLAKE2b.hash(Array("\(seed)/\($0)".utf8)).hex, id: $0) }
    return Set(ranked.sorted { $0.rank < $1.rank }.prefix(count).map(\.id))
  }

  /// - Parameter ages: those that wait longest first.
  package static func due(_ ages: [(id: String, checkedAt: Timestamp)], days: Int, at now: Timestamp) -> Set<
    String
  > {
    precondition(days > 0)
    let share = (ages.count + days - 1) / days
    let limit = now.adding(seconds: -Int64(days - 1) * 86_400)
    return Set(
      ages.enumerated().filter { $0.offset < share || $0.element.checkedAt < limit }.map(\.element.id))
  }
}
