import Blocking
import Xapian

/// The generations of one group at one moment: what the older ones lost counts as far as the hot one has come.
struct GroupSnapshot {
  let hot: XapianReader
  let older: [XapianReader]

  var all: [XapianReader] { [hot] + older }
}

/// A thread that reads, with its own handles of the groups it was asked for. Never writes, locks or creates.
actor IndexReader {
  private let executor = ThreadExecutor(name: "index-read")
  private var handles: [Int: Handle] = [:]
  private var isClosed = false

  /// A generation keeps about five files open.
  private static let handlesMax = 32
  private static let attemptsMax = 3

  private struct Handle {
    let list: GenerationList
    let hot: XapianReader
    let older: [String: XapianReader]
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Runs `body` on the group's newest revision. If that revision goes away meanwhile, the whole of it is run
  /// again: half a result of each revision would be no result.
  ///
  /// - Returns: `nil` if the group was never written to.
  func read<R: Sendable>(
    _ directory: GroupDirectory, _ body: @Sendable (GroupSnapshot) throws(XapianError) -> R
  ) throws -> R? {
    guard !isClosed else { throw directory.error(.closed) }
    for attempt in 1... {
      let list = try directory.current()
      guard let list else { return nil }
      do {
        return try body(try snapshot(of: list, in: directory))
      } catch {
        handles[directory.group] = nil
        // Files that vanish underneath look like damage when a purge has just put others in their place.
        let isPassing = try error.code == .modified || directory.current() != list
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

  private func snapshot(of list: GenerationList, in directory: GroupDirectory) throws(XapianError)
    -> GroupSnapshot
  {
    let handle = try handle(of: list, in: directory)
    try handle.hot.refresh()
    let position = try handle.hot.state().position
    var older: [XapianReader] = []
    for name in list.older {
      guard let reader = handle.older[name] else { continue }
      try reader.refresh(hotPosition: position)
      older.append(reader)
    }
    return GroupSnapshot(hot: handle.hot, older: older)
  }

  /// With what is open of the last list, as far as it is in the new one in the same part.
  private func handle(of list: GenerationList, in directory: GroupDirectory) throws(XapianError) -> Handle {
    let known = handles[directory.group]
    if let known, known.list == list { return known }
    if known == nil, handles.count >= Self.handlesMax, let any = handles.keys.first { handles[any] = nil }
    let hot =
      if let known, known.list.hot == list.hot { known.hot } else {
        try XapianReader(directory.path(of: list.hot))
      }
    var older: [String: XapianReader] = [:]
    for name in list.older {
      older[name] =
        if let open = known?.older[name] { open } else {
          try XapianReader(directory.path(of: name), isHot: false)
        }
    }
    let handle = Handle(list: list, hot: hot, older: older)
    handles[directory.group] = handle
    return handle
  }
}
