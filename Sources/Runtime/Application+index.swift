import Catalog
package import JobQueue
import Model
import Postgres
package import Search
package import SearchIndex

extension Application {
  /// Of whoever follows the feed into the index: one on all machines.
  static let followerLease = "indexer"
  private static let indexWaitMax = Duration.seconds(20)

  /// Takes what is in the feed into the index. While another process follows the feed, or has the index's lock, it is
  /// waited for, within limits.
  ///
  /// - Returns: whether the index has it all now; if not, it stays behind until somebody follows the feed again.
  package func followFeed(progress: @escaping @Sendable (Indexer.Progress) -> Void = { _ in }) async throws
    -> Bool
  {
    let limit = ContinuousClock.now + Self.indexWaitMax
    while true {
      do {
        let indexer = indexer
        _ = try await holding(Self.followerLease, takingOverFromDead: true) { lease in
          try await indexer.catchUp(lease: lease, progress: progress)
        }
        return true
      } catch  where Self.isIndexTaken(error) {
        if try await indexer.lag().values.allSatisfy({ $0 <= 0 }) { return true }
        guard ContinuousClock.now < limit else { return false }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// Whether some process follows the feed, so that what is in it will be in the index without anybody's doing.
  package func isFeedFollowed() async throws -> Bool {
    try await database.read { tx in try Leases.current(Self.followerLease, in: tx) != nil }
  }

  /// Whether another has what is needed for writing to the index.
  static func isIndexTaken(_ error: any Error) -> Bool {
    error is LeaseHeld || error is LeaseLost || error is IndexLeaseLost
      || (error as? SearchIndexError)?.code == .locked
  }

  /// Looks at a group's files and notes what it finds, for ``problems()`` and for whoever repairs.
  ///
  /// - Returns: what is wrong, in words; `nil`: nothing.
  package func checkFiles(group: Int) async throws -> [IndexProblem] {
    let problems = try await index.check(group: group)
    try await noteDamage(group, problems.isEmpty ? nil : problems.map(\.description).joined(separator: "; "))
    return problems
  }

  /// Rebuilds a damaged group beside what is left of it, and notes that it is sound again.
  package func repair(group: Int, lease: Lease? = nil) async throws {
    try await indexer.rebuild(group: group, lease: lease)
    _ = try await checkFiles(group: group)
  }

  func noteDamage(_ group: Int, _ damage: String?) async throws {
    let now = Self.clock()
    try await database.transaction { tx in
      try IndexChecks.record(group: group, damage: damage, at: now, in: tx)
    }
  }

  /// Compares the index with the catalogue, with `healing` puts right what is different, and notes what came of it.
  package func compareIndex(deep: Bool, healing: Bool) async throws -> IndexComparison {
    let comparison =
      healing ? try await indexer.reconcile(deep: deep) : try await indexer.compare(deep: deep)
    let (now, groups) = (Self.clock(), settings.indexGroups)
    try await database.transaction { tx in
      let damage = Dictionary(
        uniqueKeysWithValues: try IndexChecks.all(in: tx).map { ($0.group, $0.damage) })
      for group in 0..<groups {
        let found = comparison.count(group: group)
        let healed = healing && comparison.healed >= comparison.differences.count ? found : 0
        try IndexChecks.record(
          group: group, damage: damage[group] ?? nil, differences: (found, healed), at: now, in: tx)
      }
    }
    return comparison
  }

  /// The job `index-check`: files, then content. Damaged groups are rebuilt and differences healed at once.
  func checkIndex() async throws -> JobOutcome {
    var outcome = JobOutcome()
    var findings: [String] = []
    for group in 0..<settings.indexGroups {
      let problems = try await checkFiles(group: group)
      outcome.due += 1
      if !problems.isEmpty {
        try await repair(group: group)
        findings.append("index group \(group) was damaged and is rebuilt")
      }
      outcome.done += 1
    }
    let comparison = try await compareIndex(deep: false, healing: true)
    outcome.due += Int64(comparison.differences.count)
    outcome.done += Int64(comparison.healed)
    if comparison.healed < comparison.differences.count {
      findings.append(
        "\(comparison.differences.count - comparison.healed) differences from the catalogue are left")
    }
    outcome.problem = findings.isEmpty ? nil : findings.joined(separator: "; ")
    return outcome
  }

  /// The job `index-compact`: the group's smallest form, with nothing of what was deleted in any file.
  func compactIndex() async throws -> JobOutcome {
    var outcome = JobOutcome()
    guard try await followFeed() else {
      return JobOutcome(problem: "another process is writing to the search index; run index-compact again")
    }
    for group in 0..<settings.indexGroups {
      outcome.due += 1
      try await index.compact(group: group)
      outcome.done += 1
    }
    await index.release()
    return outcome
  }
}
