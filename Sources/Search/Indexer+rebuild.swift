package import JobQueue
import Postgres
import SearchIndex

extension Indexer {
  /// Builds a group anew beside what is served, from the feed and the messages themselves, hot and cold, and puts it
  /// in its place. Searches go on meanwhile, over the old shard until the new one has all the old one has. One that was
  /// interrupted goes on from where it was.
  ///
  /// - Returns: the number of steps applied.
  /// - Throws: `SearchIndexError` `.locked` while another process writes to the group.
  @discardableResult
  package func rebuild(
    group: Int, lease: Lease? = nil, progress: (Progress) -> Void = { _ in }
  ) async throws -> Int {
    var applied = 0
    var isClean = false
    while true {
      while true {
        let count = try await rebuildStep(group, lease)
        // What is served stays up to date, for however long this takes.
        try await keepServing(group, lease)
        guard count > 0 else { break }
        applied += count
        progress(Progress(applied: applied, lag: 0))
      }
      if !isClean {
        // What was erased while it was being read may be deleted in the files, and there still.
        try await index.cleanRebuild(group: group)
        isClean = true
      }
      if try await index.publishRebuild(group: group) { break }
      // What is served moved on, or is being sealed.
      try await Task.sleep(for: .milliseconds(20))
    }
    // What the old shard lacked, the new one may have.
    if try await retryQuarantined(group: group) > 0 { try await keepServing(group, lease) }
    await index.release()
    return applied
  }

  /// Throws away what every shard holds, one after the other, in favour of what is built anew beside it.
  package func rebuild(progress: @escaping @Sendable (Progress) -> Void = { _ in }) async throws -> Int {
    var applied = 0
    for group in 0..<groups {
      let before = applied
      applied += try await rebuild(group: group) { progress(Progress(applied: before + $0.applied, lag: 0)) }
    }
    return applied
  }

  /// A rebuild that is damaged itself, as after a crash of the machine, begins again, once.
  private func rebuildStep(_ group: Int, _ lease: Lease?) async throws -> Int {
    do {
      return try await step(group, .rebuild, lease: lease)
    } catch let error as SearchIndexError where error.code == .damaged {
      try await index.abandonRebuild(group: group)
      return try await step(group, .rebuild, lease: lease)
    }
  }

  private func keepServing(_ group: Int, _ lease: Lease?) async throws {
    do {
      while try await step(group, lease: lease) > 0 {}
    } catch let error as SearchIndexError where error.code == .damaged {
      // That is what the rebuild is for.
    }
  }
}
