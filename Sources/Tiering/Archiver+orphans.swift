import Catalog
import Foundation
package import Model
import Postgres
import Segments

extension Archiver {
  /// What lies around without anybody knowing it: left by a run that was killed, and swept by the next one.
  package struct Orphan: Sendable, Hashable {
    package enum Kind: String, Sendable {
      /// An object of the store that the catalogue does not name.
      case object
      /// A put into the store that did not come to its end.
      case upload
      /// A half-written segment on this machine.
      case scratch
    }
    package let kind: Kind
    package let name: String
    package let bytes: Int64
    /// `nil` where the store does not say.
    package let modifiedAt: Timestamp?

    init(_ kind: Kind, _ leftover: SegmentLeftover) {
      (self.kind, name, bytes, modifiedAt) = (kind, leftover.name, leftover.bytes, leftover.modifiedAt)
    }
  }

  /// Of all tenants. The caller holds the archive's lease: what a run is writing right now would look the same.
  package func orphans() async throws -> [Orphan] {
    let known = try await database.transaction { tx in
      try Archive.segments(tenant: nil, in: tx) + Archive.segments(tenant: nil, superseded: true, in: tx)
    }
    let names = Set(known.map { SegmentName.object($0.id) })
    var orphans: [Orphan] = []
    for name in try await store.list() where !names.contains(name) {
      if let found = try await store.leftover(name) { orphans.append(Orphan(.object, found)) }
    }
    orphans += try await store.leftovers().map { Orphan(.upload, $0) }
    orphans += try scratchFiles().compactMap { name in
      try SegmentLeftover(file: settings.scratch + "/" + name).map { Orphan(.scratch, $0) }
    }
    return orphans
  }

  /// Half-written segments.
  func scratchFiles() throws -> [String] {
    guard FileManager.default.fileExists(atPath: settings.scratch) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: settings.scratch)
      .filter { $0.hasSuffix(SegmentDraft.suffix) }.sorted()
  }
}
