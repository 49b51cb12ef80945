import Blocking
import Catalog
import Foundation
import JobQueue
import Model
import Postgres
import Segments

extension Archiver {
  /// Objects that are to go and did not; a later sweep tries again.
  package struct Swept: Sendable, Hashable {
    /// Until the end of their lock.
    package var locked = 0
    /// The store does not let us, and names no lock.
    package var refused = 0
  }

  /// Removes objects that no catalogue row names (left by a crash) and those that compaction replaced. The caller
  /// holds the archive's lease, so nobody is putting new ones meanwhile.
  ///
  /// - Throws: `.catalogueOlder` if the database is not the one whose segments these are, or older; `LeaseLost`.
  @discardableResult
  package func sweep() async throws -> Swept {
    try await requireNewestCatalogue()
    try await requireLease()
    _ = try await store.sweep()
    for name in try scratchFiles() {
      try FileManager.default.removeItem(atPath: settings.scratch + "/" + name)
    }
    let (live, replaced) = try await database.transaction { tx in
      (
        try Archive.segments(tenant: nil, in: tx).map(\.id),
        try Archive.segments(tenant: nil, superseded: true, in: tx)
      )
    }
    let now = now()
    let fresh = replaced.filter { ($0.supersededAt ?? now).adding(seconds: Self.readersGraceSeconds) > now }
    let kept = Set((live + fresh.map(\.id)).map(SegmentName.object))
    let (swept, left) = try await delete(try await store.list().filter { !kept.contains($0) }, from: store)
    let gone = replaced.map(\.id).filter {
      !fresh.map(\.id).contains($0) && !left.contains(SegmentName.object($0))
    }
    let lease = lease
    try await database.transaction { tx in
      for id in gone { try Archive.remove(id, in: tx) }
      FaultPoint.reach("sweep.forgetting")
      if let lease { try Leases.prove(lease, in: tx) }
    }
    return swept
  }

  /// How long a replaced object stays for readers that are still at it.
  static let readersGraceSeconds: Int64 = 60

  /// Deletes objects, and goes on past those that may not be deleted: they stay in the catalogue as replaced, so that
  /// a later sweep finds them. The lease is asked for before each. They were listed before that: what another run puts
  /// after it took the lease is not among them, or the lease is seen to be lost.
  ///
  /// - Returns: and the names of those that stay.
  func delete(_ names: some Sequence<String> & Sendable, from store: any SegmentStore) async throws -> (
    swept: Swept, left: Set<String>
  ) {
    var swept = Swept()
    var left: Set<String> = []
    for name in names {
      try await requireLease()
      do {
        try await store.delete(name)
        FaultPoint.reach("sweep.deleted")
      } catch let error as SegmentStoreError where error.code == .locked || error.code == .refused {
        if error.code == .locked { swept.locked += 1 } else { swept.refused += 1 }
        left.insert(name)
      }
    }
    return (swept, left)
  }
}
