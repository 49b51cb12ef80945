package import Catalog
import Model
import Postgres
package import SearchIndex

/// Where one group of the index stands, for its operator.
package struct IndexGroupStatus: Sendable {
  package let group: Int
  /// The last feed step that is in the serving shard; `nil`: it is too damaged to tell.
  package let position: Int64?
  /// The last feed step there is.
  package let head: Int64
  /// Since the first step that is not in the shard yet was put into the feed; 0: all are in.
  package let lagSeconds: Int64
  package let generations: [IndexGeneration]
  /// On disk, of each generation; empty if they were changing.
  package let bytes: [Int64]
  package let quarantined: Int
  package let isRebuilding: Bool
  package let check: IndexCheckRow?

  package var lag: Int64 { head - (position ?? 0) }
  /// Nothing can be sealed until something is merged; the hot generation grows on.
  package var isFull: Bool { generations.count > SearchIndex.olderGenerationsMax }
  package var documents: Int { generations.reduce(0) { $0 + $1.documents } }
}

/// What searches of one tenant cannot see in one group, for its operator.
package struct TenantCoverage: Sendable {
  package let tenant: String
  package let count: SearchCoverage.Count
}

extension Indexer {
  package func coverage() async throws -> [TenantCoverage] {
    let groups = groups
    let (tenants, counts) = try await database.read { tx in
      (try Tenants.all(in: tx), try SearchCoverage.counts(groups: groups, in: tx))
    }
    let names = Dictionary(uniqueKeysWithValues: tenants.map { ($0.id, $0.name) })
    return counts.compactMap { count in
      names[count.tenant].map { TenantCoverage(tenant: $0, count: count) }
    }
  }

  /// How far each group's serving shard is; 0 for one that is too damaged to tell.
  func positions() async throws -> [Int16: Int64] {
    try await knownPositions().mapValues { $0 ?? 0 }
  }

  /// `nil` for a shard that is too damaged to tell.
  private func knownPositions() async throws -> [Int16: Int64?] {
    let positions = try await index.positions()
    return Dictionary(uniqueKeysWithValues: (0..<groups).map { (Int16($0), positions[$0]) })
  }

  package func status() async throws -> [IndexGroupStatus] {
    let known = try await knownPositions().compactMapValues { $0 }
    let (heads, since, now, quarantined, checks) = try await database.read { tx in
      (
        try Feed.heads(in: tx), try Feed.waitingSince(known, in: tx), try Feed.now(in: tx),
        try IndexQuarantine.counts(in: tx), try IndexChecks.all(in: tx)
      )
    }
    var status: [IndexGroupStatus] = []
    for group in 0..<groups {
      let place = Int16(group)
      let waiting = since[place].map { (now.microseconds - $0.microseconds) / 1_000_000 } ?? 0
      let generations = known[place] == nil ? [] : try await index.generations(group: group)
      let bytes = known[place] == nil ? [] : try index.bytes(group: group)
      status.append(
        IndexGroupStatus(
          group: group, position: known[place], head: heads[place] ?? 0, lagSeconds: max(0, waiting),
          generations: generations, bytes: bytes.count == generations.count ? bytes : [],
          quarantined: quarantined[place] ?? 0, isRebuilding: try index.isRebuilding(group: group),
          check: checks.first { $0.group == group }))
    }
    return status
  }
}
