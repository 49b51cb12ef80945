import Blocking
import Model
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
  static let handlesMax = 32
  private static let attemptsMax = 3

  private struct Handle {
    let file: OpenList
    let hot: XapianReader
    /// In the list's order.
    let older: [XapianReader]
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Runs `body` on the group's newest revision. If that revision goes away meanwhile, the whole of it is run
  /// again: half a result of each revision would be no result. Damage has the group rebuilt, so it is looked at twice,
  /// the second time with files opened anew: where a commit has reused the root of a tree between the opening and the
  /// reading of it, glass finds a block of another level there and calls that corrupt.
  ///
  /// - Returns: `nil` if the group was never written to.
  func read<R: Sendable>(
    _ directory: GroupDirectory, _ body: @Sendable (GroupSnapshot) throws(XapianError) -> R
  ) throws -> R? {
    guard !isClosed else { throw directory.error(.closed) }
    for attempt in 1... {
      guard let file = try list(of: directory) else { return nil }
      do {
        return try body(try snapshot(of: file, in: directory))
      } catch {
        handles[directory.group] = nil
        // Files that vanish underneath look like damage when a purge has just put others in their place.
        let isPassing = error.code == .modified || !file.isCurrent
        guard isPassing || error.code.isDamage && attempt == 1, attempt < Self.attemptsMax else {
          throw SearchIndexError(error, group: directory.group)
        }
      }
    }
    preconditionFailure("the loop ends by itself")
  }

  /// The newest matches of several groups, one after the other: a hop to this thread costs as much as a search of a
  /// rare word, and once the page is full, a group is only asked for what is newer.
  func search(_ plan: SearchPlan, _ directories: [GroupDirectory]) throws -> IndexPage {
    var page = IndexPage.empty
    for directory in directories {
      guard var search = plan.search(group: directory.group) else { continue }
      let isFull = page.hits.count == plan.limit
      let isNarrowed = search.narrow(
        counted: page.matches, oldest: isFull ? page.hits.last?.position.createdAt.microseconds : nil)
      guard let found = try self.page(search, of: directory) else { continue }
      page = IndexPage.merged([page, found], limit: plan.limit)
      if isNarrowed { page.exact = false }
    }
    return page
  }

  private func page(_ search: XapianSearch, of directory: GroupDirectory) throws -> IndexPage? {
    do {
      return try read(directory) { (snapshot) throws(XapianError) in
        IndexPage(try snapshot.search(search), group: directory.group)
      }
    } catch let error as SearchIndexError where error.code == .damaged {
      return .damaged(directory.group)
    }
  }

  /// The feed positions of groups; 0 for a new one, `nil` for a damaged one.
  func positions(_ directories: [GroupDirectory]) throws -> [Int64?] {
    try directories.map { directory in
      do {
        return try read(directory) { (group) throws(XapianError) in try group.hot.state().position } ?? 0
      } catch let error as SearchIndexError where error.code == .damaged {
        return nil
      }
    }
  }

  /// Lets go of the group's files: after a purge, what is unlinked is only gone once nobody has it open.
  func drop(_ group: Int) { handles[group] = nil }

  func close() {
    isClosed = true
    handles = [:]
    executor.stop()
  }

  /// The list that was read last, if it is still the one.
  private func list(of directory: GroupDirectory) throws -> OpenList? {
    if let known = handles[directory.group], known.file.isCurrent { return known.file }
    return try directory.open()
  }

  private func snapshot(of file: OpenList, in directory: GroupDirectory) throws(XapianError) -> GroupSnapshot
  {
    let handle = try handle(of: file, in: directory)
    let position = try handle.hot.refresh()
    for reader in handle.older { try reader.refresh(hotPosition: position) }
    return GroupSnapshot(hot: handle.hot, older: handle.older)
  }

  /// With what is open of the last list, as far as it is in the new one in the same part.
  private func handle(of file: OpenList, in directory: GroupDirectory) throws(XapianError) -> Handle {
    let known = handles[directory.group]
    if let known, known.file.list == file.list { return known }
    if known == nil, handles.count >= Self.handlesMax, let any = handles.keys.first { handles[any] = nil }
    let list = file.list
    let hot =
      if let known, known.file.list.hot == list.hot { known.hot } else {
        try XapianReader(directory.path(of: list.hot))
      }
    let open = Dictionary(uniqueKeysWithValues: zip(known?.file.list.older ?? [], known?.older ?? []))
    var older: [XapianReader] = []
    for name in list.older {
      if let reader = open[name] {
        older.append(reader)
      } else {
        older.append(try XapianReader(directory.path(of: name), isHot: false))
      }
    }
    let handle = Handle(file: file, hot: hot, older: older)
    handles[directory.group] = handle
    return handle
  }
}

extension XapianError.Code {
  fileprivate var isDamage: Bool { self == .damaged || self == .notFound }
}
