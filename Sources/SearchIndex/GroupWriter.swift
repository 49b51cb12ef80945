import Blocking
import Xapian

/// The writing side of one group, on its own thread. Opened with the first write and kept: the group stays locked
/// against other processes until ``release()`` or ``close()``.
actor GroupWriter {
  private let executor: ThreadExecutor
  private let directory: GroupDirectory
  private var lock: GroupLock?
  private var writer: XapianWriter?
  private var isClosed = false

  init(_ directory: GroupDirectory) {
    self.directory = directory
    executor = ThreadExecutor(name: "index-\(directory.group)")
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Applies the batch and moves the position to `position`, all or nothing.
  ///
  /// - Returns: false if the shard is that far already; then nothing is done.
  func apply(_ batch: XapianBatch, position: Int64) throws -> Bool {
    try write { writer in
      if position <= (try writer.position()) { return false }
      try writer.apply(batch, position: position)
      return true
    }
  }

  /// Deletes documents, rewrites the shard without a byte of them, and removes the old files.
  ///
  /// - Returns: how many documents went.
  /// - Throws: `.residue` if one of the terms is still in the files.
  func purge(sequences: [Int64], terms: [[UInt8]]) throws -> Int {
    let count = try write { (writer) in try writer.delete(sequences: sequences, terms: terms) }
    guard try guarded({ try rewrite(without: terms) }) else { throw directory.error(.residue) }
    return count
  }

  /// Puts an empty shard in place, whatever state the old one is in.
  func reset() throws {
    try take()
    writer = nil
    try directory.use(try directory.makeEmptyGeneration())
    try directory.sweep()
  }

  /// Lets other processes write; the next write takes the lock again.
  func release() {
    writer = nil
    lock = nil
  }

  func close() {
    isClosed = true
    writer = nil
    lock = nil
    executor.stop()
  }

  private func take() throws(SearchIndexError) {
    guard !isClosed else { throw directory.error(.closed) }
    if lock == nil { lock = try directory.lock() }
  }

  private func write<R>(_ body: (XapianWriter) throws -> R) throws -> R {
    try take()
    return try guarded { try body(try opened()) }
  }

  /// A writer whose call failed is let go: what it held pending is gone anyway, and the next call opens at the last
  /// commit.
  private func guarded<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as XapianError {
      writer = nil
      throw SearchIndexError(error, group: directory.group)
    }
  }

  private func opened() throws -> XapianWriter {
    if let writer { return writer }
    try directory.sweep()
    if try directory.current() == nil { try directory.use(try directory.makeEmptyGeneration()) }
    let opened = try XapianWriter(directory.path(of: try directory.current()!))
    writer = opened
    return opened
  }

  /// Puts a compacted copy in the shard's place.
  ///
  /// - Returns: whether none of the terms is in its files.
  private func rewrite(without terms: [[UInt8]]) throws -> Bool {
    let old = try directory.current()!
    // Compaction reads what is committed; the group's lock keeps others out meanwhile.
    writer = nil
    let new = try directory.makeGeneration()
    try XapianWriter.compact(directory.path(of: old), into: directory.path(of: new))
    let isFree = try terms.allSatisfy { try !XapianWriter.contains($0, in: directory.path(of: new)) }
    try directory.use(new)
    try directory.remove(old)
    return isFree
  }
}
