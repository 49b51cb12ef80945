import Blocking
import Xapian

/// The writing side of one group, on its own thread. Opened with the first write and kept: the group stays locked
/// against other processes until ``release()`` or ``close()``.
actor GroupWriter {
  private let executor: ThreadExecutor
  let sealing: SealingThread
  let directory: GroupDirectory
  let hold: GroupHold
  let limits: GenerationLimits
  private let name: String
  private var writer: XapianWriter?
  private var isClosed = false
  /// Whether generations are being sealed or merged beside the writing.
  var isSettling = false

  init(_ directory: GroupDirectory, hold: GroupHold, limits: GenerationLimits, name: String) {
    self.directory = directory
    self.hold = hold
    self.limits = limits
    self.name = name
    executor = ThreadExecutor(name: "index-\(directory.group)", nice: ThreadNice.writing)
    sealing = SealingThread(group: directory.group)
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Applies the batch and moves the position to `position`, all or nothing. A hot generation that has grown to its
  /// limit is frozen then, and another begun.
  ///
  /// - Returns: false if the shard is that far already, or not at `start`; then nothing is done.
  func apply(_ batch: XapianBatch, after start: Int64? = nil, position: Int64) throws -> Bool {
    return try write { writer in
      let reached = try writer.position()
      if position <= reached || reached != start ?? reached { return false }
      try writer.apply(batch, position: position)
      if try writer.documents() >= limits.hotDocuments { try roll() }
      return true
    }
  }

  func position() throws -> Int64 { try write { try $0.position() } }

  /// Deletes documents, rewrites what held them without a byte of them, and removes the old files.
  ///
  /// - Returns: how many documents went.
  /// - Throws: `.residue` if one of the terms is still in the files.
  func purge(_ exclusion: XapianSealing.Exclusion) throws -> Int {
    var count = try write { (writer) in
      try writer.delete(sequences: exclusion.sequences, terms: exclusion.terms)
    }
    var isFree = try guarded { try rewriteHot(without: exclusion) }
    for name in try inUse().older {
      let isConcerned =
        exclusion.isEmpty
        ? try state(of: name).tombstones > 0
        : try guarded { try XapianSealing.concerns(directory.path(of: name), exclusion) }
      guard isConcerned else { continue }
      let (dropped, isClean) = try guarded { try rewriteOlder(name, without: exclusion) }
      count += dropped
      isFree = isFree && isClean
    }
    guard isFree else { throw directory.error(.residue) }
    return count
  }

  /// Puts an empty shard in place, whatever state the old one is in.
  func reset() throws {
    try take()
    writer = nil
    let hot = try directory.makeEmptyGeneration(hold)
    defer { hold.end([hot]) }
    try directory.use(GenerationList(hot: hot))
    try directory.sweep(hold)
  }

  /// Forgets what it has open; the next write opens what is in use then.
  func letGo() { writer = nil }

  /// Lets other processes write; the next write takes the lock again.
  func release() {
    guard !isSettling else { return }
    writer = nil
    hold.release(name)
  }

  func close() {
    isClosed = true
    isSettling = false
    release()
    executor.stop()
    sealing.stop()
  }

  func take() throws(SearchIndexError) {
    guard !isClosed else { throw directory.error(.closed) }
    try hold.take(directory, for: name)
  }

  func write<R>(_ body: (XapianWriter) throws -> R) throws -> R {
    try take()
    return try guarded { try body(try opened()) }
  }

  /// A writer whose call failed is let go: what it held pending is gone anyway, and the next call opens at the last
  /// commit.
  func guarded<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as XapianError {
      writer = nil
      throw SearchIndexError(error, group: directory.group)
    }
  }

  /// The generations in use; made on the first use of the group.
  func inUse() throws -> GenerationList {
    if let list = try directory.current() { return list }
    let hot = try directory.makeEmptyGeneration(hold)
    defer { hold.end([hot]) }
    let list = GenerationList(hot: hot)
    try directory.use(list)
    return list
  }

  /// Names other generations as those in use. The writer opens anew, as it must know the older ones.
  func use(_ list: GenerationList) throws {
    writer = nil
    try directory.use(list)
  }

  func state(of older: String) throws -> XapianReader.State {
    try guarded {
      let reader = try XapianReader(directory.path(of: older), isHot: false)
      try reader.refresh(hotPosition: .max)
      return try reader.state()
    }
  }

  /// Freezes the hot generation and begins another at the same position.
  func roll() throws {
    let list = try inUse()
    guard list.older.count < GenerationList.olderMax else { return }
    let position = try opened().position()
    writer = nil
    let hot = try directory.makeEmptyGeneration(position: position, hold)
    defer { hold.end([hot]) }
    try XapianSealing.freeze(directory.path(of: list.hot))
    try use(GenerationList(hot: hot, older: list.names))
  }

  private func opened() throws -> XapianWriter {
    if let writer { return writer }
    try directory.sweep(hold)
    let list = try inUse()
    let opened = try XapianWriter(directory.path(of: list.hot), older: directory.paths(of: list.older))
    writer = opened
    return opened
  }

  /// Puts a compacted copy in the hot generation's place.
  ///
  /// - Returns: whether none of the terms is in its files.
  private func rewriteHot(without exclusion: XapianSealing.Exclusion) throws -> Bool {
    var list = try inUse()
    let old = list.hot
    // Compaction reads what is committed; the group's lock keeps others out meanwhile.
    writer = nil
    list.hot = try hold.makeGeneration(in: directory)
    defer { hold.end([list.hot]) }
    try XapianWriter.compact(directory.path(of: old), into: directory.path(of: list.hot))
    let isFree = try isFree(list.hot, of: exclusion)
    try use(list)
    try directory.remove(old)
    return isFree
  }

  private func rewriteOlder(_ old: String, without exclusion: XapianSealing.Exclusion) throws -> (Int, Bool) {
    let making = try Sealing(of: [old], at: try position(), in: directory, hold)
    defer { hold.end(making.names) }
    let dropped = try making.run(without: exclusion)
    let isFree = try isFree(making.target, of: exclusion)
    try publish(making)
    return (dropped, isFree)
  }

  func isFree(_ generation: String, of exclusion: XapianSealing.Exclusion) throws -> Bool {
    try exclusion.terms.allSatisfy { try !XapianWriter.contains($0, in: directory.path(of: generation)) }
  }
}
