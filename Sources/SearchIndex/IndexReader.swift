import Blocking
import Xapian

/// A thread that reads, with its own handles of the groups it was asked for. Never writes, locks or creates.
actor IndexReader {
  private let executor = ThreadExecutor(name: "index-read")
  private var handles: [Int: Handle] = [:]
  private var isClosed = false

  /// A handle keeps about five files open.
  private static let handlesMax = 32
  private static let attemptsMax = 3

  private struct Handle {
    let generation: String
    let reader: XapianReader
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Runs `body` on the group's newest revision. If that revision goes away meanwhile, the whole of it is run
  /// again: half a result of each revision would be no result.
  ///
  /// - Returns: `nil` if the group was never written to.
  func read<R: Sendable>(
    _ directory: GroupDirectory, _ body: @Sendable (XapianReader) throws(XapianError) -> R
  ) throws -> R? {
    guard !isClosed else { throw directory.error(.closed) }
    for attempt in 1... {
      let generation = try directory.current()
      guard let generation else { return nil }
      do {
        return try body(try reader(of: generation, in: directory))
      } catch {
        handles[directory.group] = nil
        // Files that vanish underneath look like damage when a purge has just put others in their place.
        let isPassing = try error.code == .modified || directory.current() != generation
        guard isPassing, attempt < Self.attemptsMax else {
          throw SearchIndexError(error, group: directory.group)
        }
      }
    }
    preconditionFailure("the loop ends by itself")
  }

  /// Lets go of the group's files: after a purge, what is unlinked is only gone once nobody has it open.
  func drop(_ group: Int) { handles[group] = nil }

  func close() {
    isClosed = true
    handles = [:]
    executor.stop()
  }

  private func reader(of generation: String, in directory: GroupDirectory) throws(XapianError) -> XapianReader
  {
    if let handle = handles[directory.group], handle.generation == generation {
      try handle.reader.refresh()
      return handle.reader
    }
    if handles.count >= Self.handlesMax, let any = handles.keys.first { handles[any] = nil }
    let reader = try XapianReader(directory.path(of: generation))
    handles[directory.group] = Handle(generation: generation, reader: reader)
    return reader
  }
}
