import Catalog
package import History
import Model
package import Postgres
package import SearchIndex

/// Follows the feed into the search index. The only true position is the one inside each group's shard, committed
/// with its documents: after a crash the same stretch is applied again, to the same effect.
package struct Indexer: Sendable {
  private let database: PostgresPool
  private let history: HistoryReader
  private let index: SearchIndex
  private let groups: Int

  /// Feed steps a commit (`reference` measurements: larger batches gain little, smaller ones write much more).
  private static let stepsPerCommit = 5_000

  package init(database: PostgresPool, history: HistoryReader, index: SearchIndex, groups: Int) {
    self.database = database
    self.history = history
    self.index = index
    self.groups = groups
  }

  package struct Progress: Sendable {
    package var applied: Int
    package var lag: Int64
  }

  /// How many feed steps each group's shard is behind.
  package func lag() async throws -> [Int: Int64] {
    let heads = try await database.transaction { tx in try Feed.heads(in: tx) }
    var lag: [Int: Int64] = [:]
    for group in 0..<groups {
      lag[group] = (heads[Int16(group)] ?? 0) - (try await index.position(group: group))
    }
    return lag
  }

  /// Applies all that is in the feed; returns the number of steps. What has grown to its limit is sealed meanwhile,
  /// unless that is left to ``settle()``.
  @discardableResult
  package func catchUp(
    settling: Bool = true, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> Int {
    let applied = try await withThrowingTaskGroup(of: Void.self) { tasks in
      var applied = 0
      for group in 0..<groups {
        while true {
          let count = try await step(group)
          if count == 0 { break }
          applied += count
          progress(Progress(applied: applied, lag: 0))
        }
        if settling { tasks.addTask { try await index.settle(group: group) } }
      }
      try await tasks.waitForAll()
      return applied
    }
    await index.release()
    return applied
  }

  /// Seals generations that have grown to their limit and merges small ones, while others go on writing and reading.
  package func settle() async throws {
    for group in 0..<groups { try await index.settle(group: group) }
  }

  /// Throws away every shard and builds it anew from the feed, reading messages hot and cold.
  package func rebuild(progress: @escaping @Sendable (Progress) -> Void = { _ in }) async throws -> Int {
    for group in 0..<groups { try await index.reset(group: group) }
    return try await catchUp(progress: progress)
  }

  private func step(_ group: Int) async throws -> Int {
    let position = try await index.position(group: group)
    let entries = try await database.transaction { tx in
      try Feed.read(group: Int16(group), after: position, limit: Self.stepsPerCommit, in: tx)
    }
    guard let last = entries.last else { return 0 }
    try await index.apply(try await operations(entries), group: group, upTo: last.sequence)
    return entries.count
  }

  /// The newest state of every message the entries touch; a message that cannot be read any more is taken out.
  private func operations(_ entries: [FeedEntry]) async throws -> [IndexOperation] {
    let touched = Dictionary(entries.compactMap(\.located).map { ($0.key, $0) }) { first, _ in first }
    let live = touched.values.filter { $0.state == .live }
    var messages: [MessageKey: HistoricMessage] = [:]
    for (_, locators) in Dictionary(grouping: live, by: \.tenant) {
      for message in try await history.messages(locators.map(\.place)) {
        messages[message.locator.key] = message
      }
    }
    return touched.values.sorted { $0.position.sequence < $1.position.sequence }.map { locator in
      guard let message = messages[locator.key] else { return .delete(sequence: locator.position.sequence) }
      return .put(IndexDocument(message))
    }
  }
}

extension IndexDocument {
  /// Terms only, no stored values: conversation, sender, tenant, flags, and the tokens by class.
  init(_ message: HistoricMessage) {
    let locator = message.locator
    var terms: [[UInt8]] = [
      IndexTerms.tenant(locator.tenant), IndexTerms.conversation(locator.conversation),
      IndexTerms.sender(locator.sender),
    ]
    var positioned: [[UInt8]] = []
    let payload = message.payload
    for flag in Self.flags(message) { terms.append(IndexTerms.flag(flag)) }
    if let tokens = payload.tokens {
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

  private static func flags(_ message: HistoricMessage) -> [String] {
    let payload = message.payload
    var flags = Set(payload.tokens?.flags ?? [])
    if !payload.attachments.isEmpty { flags.insert("file") }
    if payload.attachments.contains(where: { $0.mimeType?.hasPrefix("image/") ?? false }) {
      flags.insert("image")
    }
    if message.newestEdit != nil { flags.insert("edited") }
    if payload.threadID != nil || payload.replyTo != nil { flags.insert("thread") }
    return flags.filter { (1...32).contains($0.utf8.count) }.sorted()
  }
}
