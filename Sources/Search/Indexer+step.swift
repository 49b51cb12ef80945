import Catalog
import JobQueue
import Model
import Postgres
import SearchIndex

/// Which of a group's shards is written to.
enum IndexTarget: Sendable {
  case serving
  /// The one that is built beside it.
  case rebuild
}

extension Indexer {
  /// Messages read at a time.
  private static let readAtOnce = 1_000

  /// A stretch of a group's feed, read and made ready to be applied in one commit.
  struct Stretch: Sendable {
    /// Exclusive.
    let start: Int64
    let end: Int64
    let steps: Int
    fileprivate(set) var batch: IndexBatch
  }

  /// Applies all the feed has for a group. The next stretch is read while the last one is written, so that neither the
  /// database nor the index waits for the other.
  func follow(_ group: Int, _ lease: Lease?, _ applied: AppliedCount) async throws {
    var ready = try await stretch(group, after: try await position(group, .serving), lease)
    while var stretch = ready {
      let end = stretch.end
      async let next = self.stretch(group, after: end, lease)
      let isApplied = try await commit(&stretch, group, .serving)
      if isApplied {
        applied.add(stretch.steps)
        ready = try await next
      } else {
        // Somebody else moved the shard on, or began it anew: what was read does not follow on it.
        ready = try await self.stretch(group, after: try await position(group, .serving), lease)
      }
    }
  }

  /// Applies the next steps of a group's feed in one commit; returns how many, 0 at the feed's end.
  ///
  /// - Throws: ``IndexLeaseLost``, `SearchIndexError`.
  func step(_ group: Int, _ target: IndexTarget = .serving, lease: Lease? = nil) async throws -> Int {
    let position = try await position(group, target)
    guard var stretch = try await stretch(group, after: position, lease) else { return 0 }
    try await commit(&stretch, group, target)
    return stretch.steps
  }

  /// - Returns: `nil` at the feed's end.
  private func stretch(_ group: Int, after position: Int64, _ lease: Lease?) async throws -> Stretch? {
    let (limits, start) = (limits, ContinuousClock.now)
    let entries = try await database.read { tx in
      if let lease, try !Leases.isHeld(lease, in: tx) { throw IndexLeaseLost() }
      return try Feed.read(group: Int16(group), after: position, limit: limits.steps, in: tx)
    }
    var batch = IndexBatch()
    var taken = 0
    while taken < entries.count {
      let part = entries[taken..<min(taken + Self.readAtOnce, entries.count)]
      taken += try await add(part, to: &batch)
      if batch.bytes >= limits.bytes || ContinuousClock.now - start >= limits.time { break }
    }
    guard taken > 0 else { return nil }
    return Stretch(start: position, end: entries[taken - 1].sequence, steps: taken, batch: batch)
  }

  private func position(_ group: Int, _ target: IndexTarget) async throws -> Int64 {
    switch target {
    case .serving: try await index.position(group: group)
    case .rebuild: try await index.rebuildPosition(group: group)
    }
  }

  /// The newest state of every message the entries touch, as far as the batch has room; a message that cannot be read
  /// any more is taken out.
  ///
  /// - Returns: how many entries.
  private func add(_ entries: ArraySlice<FeedEntry>, to batch: inout IndexBatch) async throws -> Int {
    var reading = IndexReading(entries.compactMap(\.located))
    var taken = 0
    var added: Set<MessageKey> = []
    for entry in entries where batch.bytes < limits.bytes {
      taken += 1
      guard let locator = entry.located, added.insert(locator.key).inserted else { continue }
      if let step = try await reading.step(of: locator, self) { batch.add(step) }
    }
    return taken
  }

  private static let unreadable = "unreadable"

  /// Applies the stretch. Messages the index refuses are set aside before anything else is committed: a crash in
  /// between names one too many as not searchable, never one too few.
  ///
  /// - Returns: false if the shard does not stand where the stretch begins.
  @discardableResult
  private func commit(_ stretch: inout Stretch, _ group: Int, _ target: IndexTarget) async throws -> Bool {
    try await setAside(stretch.batch.unreadable.map { ($0, Self.unreadable) }, group)
    var isApplied = false
    do {
      isApplied = try await send(stretch, group, target)
    } catch let error as SearchIndexError where error.code == .badTerm || error.code == .badBatch {
      let refused = stretch.batch.refuse(error)
      guard !refused.isEmpty else { throw error }
      try await setAside(refused, group)
      isApplied = try await send(stretch, group, target)
    }
    guard isApplied else { return false }
    // What is served lacks a message still when only a rebuild has it.
    guard target == .serving else { return true }
    let settled = stretch.batch.settled
    try await database.transaction { tx in
      try IndexQuarantine.clear(group: Int16(group), sequences: settled, in: tx)
    }
    return true
  }

  private func send(_ stretch: Stretch, _ group: Int, _ target: IndexTarget) async throws -> Bool {
    let operations = stretch.batch.operations
    return switch target {
    case .serving:
      try await index.apply(operations, group: group, after: stretch.start, upTo: stretch.end)
    case .rebuild:
      try await index.applyToRebuild(operations, group: group, after: stretch.start, upTo: stretch.end)
    }
  }

  private func setAside(_ messages: [(message: Locator, code: String)], _ group: Int) async throws {
    guard !messages.isEmpty else { return }
    let now = now()
    try await database.transaction { tx in
      for (message, code) in messages {
        try IndexQuarantine.setAside(message, group: Int16(group), code: code, at: now, in: tx)
      }
    }
  }

  /// Puts steps into the feed for all that was set aside, so that it is tried again with the next ones.
  ///
  /// - Returns: how many messages.
  package func retryQuarantined() async throws -> Int {
    var count = 0
    for group in 0..<groups { count += try await retryQuarantined(group: group) }
    return count
  }

  func retryQuarantined(group: Int) async throws -> Int {
    var count = 0
    var after: Int64 = 0
    while true {
      let start = after
      let batch = try await database.transaction { tx in
        let batch = try IndexQuarantine.list(
          group: Int16(group), after: start, limit: Self.readAtOnce, in: tx)
        try Feed.append(.edited, batch.map(\.key), group: Int16(group), in: tx)
        return batch
      }
      guard let last = batch.last else { return count }
      (after, count) = (last.sequence, count + batch.count)
    }
  }
}
