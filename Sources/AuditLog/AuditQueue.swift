package import Model
package import Postgres

/// Appends single entries of many callers, as many a transaction as came while the last one was written: each append
/// takes the lock of the log's one head, and the disk is waited for once a transaction, not once an entry. A caller
/// hears of it when its entry is committed.
package actor AuditQueue {
  /// Entries of one transaction.
  package static let batchMax = 500

  private let log: AuditLog
  private let database: PostgresPool
  private var waiting: [Waiting] = []
  private var isWriting = false

  private struct Waiting {
    let entry: AuditEntry
    let at: Timestamp
    let done: CheckedContinuation<Int64, any Error>
  }

  package init(log: AuditLog, database: PostgresPool) {
    self.log = log
    self.database = database
  }

  /// Returns the entry's index once it is stored.
  @discardableResult
  package func append(_ entry: AuditEntry, at time: Timestamp) async throws -> Int64 {
    try await withCheckedThrowingContinuation { done in
      waiting.append(Waiting(entry: entry, at: time, done: done))
      guard !isWriting else { return }
      isWriting = true
      Task { await writeAll() }
    }
  }

  private func writeAll() async {
    while !waiting.isEmpty {
      let batch = Array(waiting.prefix(Self.batchMax))
      waiting.removeFirst(batch.count)
      await write(batch)
    }
    isWriting = false
  }

  private func write(_ batch: [Waiting]) async {
    do {
      let first = try await store(batch.map(\.entry), at: batch.map(\.at).max() ?? .earliest)
      for (number, waiting) in batch.enumerated() { waiting.done.resume(returning: first + Int64(number)) }
    } catch {
      // One that is refused, as too large, must not take the others with it.
      guard batch.count > 1 else { return batch[0].done.resume(throwing: error) }
      for waiting in batch { await write([waiting]) }
    }
  }

  private func store(_ entries: [AuditEntry], at time: Timestamp) async throws -> Int64 {
    let log = log
    return try await database.transaction { tx in try log.append(entries, at: time, in: tx) }
  }
}
