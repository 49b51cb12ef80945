import Catalog
import Model
import Postgres
import SearchIndex

extension Indexer {
  /// Compares, and puts right what is different: messages by a step of the feed, which every follower of it will see;
  /// documents of no message by purging them; whole groups, where there is too much of it, by rebuilding them.
  ///
  /// Looks again afterwards: `differences` are those it found, `healed` those that are no more. With `deep`, what is
  /// told of coverage is counted anew.
  package func reconcile(deep: Bool) async throws -> IndexComparison {
    let comparison = try await reconcileDocuments(deep: deep)
    if deep { for group in 0..<groups { try await renewCoverage(group: group) } }
    return comparison
  }

  private func reconcileDocuments(deep: Bool) async throws -> IndexComparison {
    var comparison = try await compare(deep: deep)
    guard !comparison.isClean else { return comparison }
    for group in comparison.beyondHealing.sorted() { try await rebuild(group: group) }
    let single = comparison.differences.filter { !comparison.beyondHealing.contains($0.group) }
    for (group, differences) in Dictionary(grouping: single, by: \.group).sorted(by: { $0.key < $1.key }) {
      try await heal(differences, group)
    }
    try await catchUp()
    let left = try await compare(deep: deep)
    comparison.healed = max(0, comparison.differences.count - left.differences.count)
    return comparison
  }

  /// Notes that groups could not be read, for whoever repairs.
  func noteDamage(_ groups: Set<Int>) async throws {
    guard !groups.isEmpty else { return }
    let known = try await database.read { tx in try IndexChecks.all(in: tx) }
    let news = groups.subtracting(known.filter { $0.damage != nil }.map(\.group)).sorted()
    guard !news.isEmpty else { return }
    let now = now()
    try await database.transaction { tx in
      for group in news {
        _ = try IndexChecks.note(.unreadable, group: group, at: now, in: tx)
      }
    }
  }

  private func heal(_ differences: [IndexDifference], _ group: Int) async throws {
    let keys = differences.compactMap(\.key)
    try await database.transaction { tx in try Feed.append(.edited, keys, group: Int16(group), in: tx) }
    let unknown = differences.filter { $0.key == nil }.map(\.sequence)
    if !unknown.isEmpty { try await index.purge(sequences: unknown, group: group) }
  }
}
