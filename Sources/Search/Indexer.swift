import Catalog
package import History
import KeyVault
package import JobQueue
package import Model
package import Postgres
package import SearchIndex
import Synchronization

/// Follows the feed into the search index. The only true position is the one inside each group's shard, committed
/// with its documents: after a crash the same stretch is applied again, to the same effect.
package struct Indexer: Sendable {
  let database: PostgresPool
  let history: HistoryReader
  let index: SearchIndex
  let groups: Int
  let limits: IndexingLimits
  let now: @Sendable () -> Timestamp

  /// Groups that are worked on side by side: one reads while another commits, on two cores.
  package static let groupsAtOnce = 2

  package init(
    database: PostgresPool, history: HistoryReader, index: SearchIndex, groups: Int,
    limits: IndexingLimits = IndexingLimits(), now: @escaping @Sendable () -> Timestamp
  ) {
    self.database = database
    self.history = history
    self.index = index
    self.groups = groups
    self.limits = limits
    self.now = now
  }

  package struct Progress: Sendable {
    package var applied: Int
    package var lag: Int64
  }

  /// What going over all groups came to.
  package struct Pass: Sendable {
    package var applied = 0
    /// Groups whose files are not what was written; the others went on.
    package var damaged: [Int] = []
  }

  /// How many feed steps each group's shard is behind. A damaged group has none of its steps.
  package func lag() async throws -> [Int: Int64] {
    let heads = try await database.read { tx in try Feed.heads(in: tx) }
    return Dictionary(
      uniqueKeysWithValues: try await positions().map { (Int($0), (heads[$0] ?? 0) - $1) })
  }

  /// Applies all that is in the feed; returns the number of steps. What has grown to its limit is sealed then.
  ///
  /// - Throws: `SearchIndexError` `.damaged` after all other groups are up to date.
  @discardableResult
  package func catchUp(
    lease: Lease? = nil, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> Int {
    let pass = try await pass(settling: true, lease: lease, progress: progress)
    if let group = pass.damaged.first { throw SearchIndexError(.damaged, group: group) }
    return pass.applied
  }

  /// As ``catchUp(lease:progress:)``, but damaged groups are named rather than thrown.
  ///
  /// - Parameters:
  ///   - settling: also seal what has grown to its limit, unless that is left to ``settle()``.
  ///   - lease: must still be held when a batch is read; a runner that slept through it writes nothing more.
  package func pass(
    settling: Bool, lease: Lease? = nil, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> Pass {
    let applied = AppliedCount(progress)
    let damaged = try await withThrowingTaskGroup(of: Int?.self) { tasks in
      var damaged: [Int] = []
      for group in 0..<groups {
        if group >= Self.groupsAtOnce, let done = try await tasks.next() ?? nil { damaged.append(done) }
        tasks.addTask { try await self.advance(group, settling, lease, applied) ? nil : group }
      }
      for try await done in tasks { if let done { damaged.append(done) } }
      return damaged.sorted()
    }
    await index.release()
    return Pass(applied: applied.value, damaged: damaged)
  }

  /// Seals generations that have grown to their limit and merges small ones, while others go on writing and reading.
  package func settle() async throws {
    for group in 0..<groups { try await index.settle(group: group) }
    await index.release()
  }

  /// Applies what the feed holds for one group.
  ///
  /// - Returns: whether the group's shard can be written to; if not, it has to be rebuilt.
  private func advance(_ group: Int, _ settling: Bool, _ lease: Lease?, _ applied: AppliedCount) async throws
    -> Bool
  {
    do {
      try await follow(group, lease, applied)
      if settling { try await index.settle(group: group) }
      return true
    } catch let error as SearchIndexError where error.code == .damaged {
      return false
    }
  }
}

extension TenantHasher {
  /// What a thread is called in the index: its id alone, as threads do not cross conversations.
  func thread(_ id: String) -> [UInt8] { hash("thread", id) }
}

/// Adds up what several groups did, and tells.
final class AppliedCount: Sendable {
  private let count = Mutex(0)
  private let progress: @Sendable (Indexer.Progress) -> Void

  init(_ progress: @escaping @Sendable (Indexer.Progress) -> Void) { self.progress = progress }

  var value: Int { count.withLock { $0 } }

  func add(_ more: Int) {
    let sum = count.withLock { count in
      count += more
      return count
    }
    progress(Indexer.Progress(applied: sum, lag: 0))
  }
}

/// The right to follow the feed went to another runner meanwhile. `description` is safe to show.
package struct IndexLeaseLost: Error, CustomStringConvertible {
  package var description: String { "another process follows the feed into the search index now" }
}

extension IndexDocument {
  /// Terms only, no stored values: conversation, sender, tenant, thread, flags, and the tokens by class.
  init(_ message: HistoricMessage, hasher: TenantHasher) {
    let locator = message.locator
    var terms: [[UInt8]] = [
      IndexTerms.tenant(locator.tenant), IndexTerms.conversation(locator.conversation),
      IndexTerms.sender(locator.sender),
    ]
    var positioned: [[UInt8]] = []
    let payload = message.payload
    let tokens = payload.tokens
    for flag in Self.flags(message, payload, tokens) { terms.append(IndexTerms.flag(flag)) }
    if let thread = payload.threadID { terms.append(IndexTerms.thread(hasher.thread(thread))) }
    if let tokens {
      switch tokens.mode {
      case .plain:
        terms += tokens.set.map { IndexTerms.word($0, tenant: locator.tenant) }
        positioned = tokens.sequence.map { IndexTerms.word($0, tenant: locator.tenant) }
      case .blinded:
        terms += (tokens.set + tokens.sequence).map { IndexTerms.blinded(.word, $0) }
        terms += tokens.bigrams.map { IndexTerms.blinded(.bigram, $0) }
        terms += tokens.prefixes.map { IndexTerms.blinded(.prefix, $0) }
      }
    }
    self.init(
      sequence: locator.position.sequence, conversation: locator.conversation, sender: locator.sender,
      createdAt: locator.position.createdAt, terms: terms, positioned: positioned)
  }

  private static func flags(_ message: HistoricMessage, _ payload: MessagePayload, _ tokens: TokenSet?)
    -> [String]
  {
    // What the house knows better than a client is not taken from the client.
    var flags = Set(tokens?.flags ?? []).subtracting(["edited", "thread", "reaction"])
    if !payload.attachments.isEmpty { flags.insert("file") }
    if payload.attachments.contains(where: { $0.mimeType?.hasPrefix("image/") ?? false }) {
      flags.insert("image")
    }
    if message.newestEdit != nil { flags.insert("edited") }
    if !message.reactions.isEmpty { flags.insert("reaction") }
    if payload.threadID != nil || payload.replyTo != nil { flags.insert("thread") }
    return flags.filter { (1...32).contains($0.utf8.count) }.sorted()
  }
}
