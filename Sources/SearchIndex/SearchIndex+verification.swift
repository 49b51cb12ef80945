import Blocking
import Sodium
import Xapian

extension SearchIndex {
  /// Reads every shard and its sidecar and compares them with each other. Takes no lock; other work goes on.
  ///
  /// - Throws: `.busy` if commits come faster than a shard can be read.
  package func check() async throws -> [IndexProblem] {
    var problems: [IndexProblem] = []
    for group in directories.indices { problems += try await check(group: group) }
    return problems
  }

  /// As ``check()``, of one group.
  package func check(group: Int) async throws -> [IndexProblem] {
    let directory = directories[group]
    return try await runBlocking { try Self.check(directory) }
  }

  /// Over every document of the group, with its terms, their places, and what its record says. Two groups with the
  /// same fingerprint answer every search alike, however their generations lie.
  package func fingerprint(group: Int) async throws -> [UInt8] {
    let directory = directories[group]
    return try await runBlocking {
      // Handles of its own: this may take minutes, and the readers' threads are for searches.
      let sums = try Self.steadily(directory) { list in
        let hot = try XapianReader(directory.path(of: list.hot))
        var (low, high) = try hot.fingerprint()
        for name in list.older {
          let reader = try XapianReader(directory.path(of: name), isHot: false)
          try reader.refresh(hotPosition: try hot.state().position)
          let more = try reader.fingerprint()
          (low, high) = (low &+ more.low, high &+ more.high)
        }
        return [low, high]
      }
      return (sums ?? [0, 0]).flatMap { sum in
        (0..<8).map { UInt8(truncatingIfNeeded: sum >> (56 - 8 * UInt64($0))) }
      }
    }
  }

  /// Whether any of the terms, byte for byte, is in any of the group's files. Reads all of them.
  package func holds(anyOf terms: [[UInt8]], group: Int) async throws -> Bool {
    let directory = directories[group]
    return try await runBlocking {
      try Self.steadily(directory) { list in
        try directory.paths(of: list.names).contains { path in
          try terms.contains { try XapianWriter.contains($0, in: path) }
        }
      } ?? false
    }
  }

  static let attemptsMax = 3

  /// Runs `body` with the generations in use, again if these were swapped or changed meanwhile.
  static func steadily<R>(_ directory: GroupDirectory, _ body: (GenerationList) throws -> R) throws
    -> R?
  {
    try steadily([directory]) { lists in try lists[0].map(body) }
  }

  /// As above, over several groups together; `nil` for one that was never written to.
  static func steadily<R>(
    _ directories: [GroupDirectory], attempts: Int = attemptsMax, _ body: ([GenerationList?]) throws -> R
  ) throws -> R {
    for attempt in 1... {
      let lists = try directories.map { try $0.current() }
      do {
        return try body(lists)
      } catch let error as XapianError {
        let isPassing = try error.code == .modified || directories.map { try $0.current() } != lists
        guard isPassing, attempt < attempts else {
          // Which of several it was is not known here.
          throw SearchIndexError(error, group: directories.count == 1 ? directories[0].group : nil)
        }
      }
    }
    preconditionFailure("the loop ends by itself")
  }

  private static func check(_ directory: GroupDirectory) throws -> [IndexProblem] {
    for _ in 1...attemptsMax {
      let before = revision(directory)
      let found = try problems(directory)
      // A commit while reading looks like damage.
      if found.isEmpty || revision(directory) == before { return found }
    }
    throw directory.error(.busy)
  }

  private static func problems(_ directory: GroupDirectory) throws -> [IndexProblem] {
    do {
      guard let list = try directory.current() else { return [] }
      var found: [IndexProblem] = []
      for name in list.names {
        let isHot = name == list.hot
        found += try XapianProblem.check(directory.path(of: name), isHot: isHot)
          .map { IndexProblem($0, group: directory.group) }
        guard !isHot, try XapianReader(directory.path(of: name), isHot: false).state().isSealed else {
          continue
        }
        let changed = try GenerationManifest.mismatches(of: name, in: directory)
        if changed > 0 {
          found.append(IndexProblem(group: directory.group, kind: .fileChanged, count: changed, first: nil))
        }
      }
      return found
    } catch let error as XapianError where error.code == .io || error.code == .noMemory {
      throw SearchIndexError(error, group: directory.group)
    } catch let error as SearchIndexError where error.code != .damaged {
      throw error
    } catch {
      return [IndexProblem(group: directory.group, kind: .unreadable, count: 1, first: nil)]
    }
  }

  /// The generations in use and the hot one's revision; `nil` if it cannot be read.
  private static func revision(_ directory: GroupDirectory) -> String? {
    // An unreadable shard has no revision to compare; `problems` reports it.
    guard let list = try? directory.current() else { return nil }
    guard let state = try? XapianReader(directory.path(of: list.hot)).state() else { return list.text }
    return "\(list.text) \(state.revision)"
  }
}
