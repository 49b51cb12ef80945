import Blocking
import Sodium
import Xapian

extension SearchIndex {
  /// Reads every shard and its sidecar and compares them with each other. Takes no lock; other work goes on.
  ///
  /// - Throws: `.busy` if commits come faster than a shard can be read.
  package func check() async throws -> [IndexProblem] {
    var problems: [IndexProblem] = []
    for directory in directories {
      problems += try await runBlocking { try Self.check(directory) }
    }
    return problems
  }

  /// A hash over every document of the group, with its terms, their places, and what its record says. Two shards
  /// with the same fingerprint answer every search alike.
  package func fingerprint(group: Int) async throws -> [UInt8] {
    let directory = directories[group]
    return try await runBlocking {
      // A handle of its own: this may take minutes, and the readers' threads are for searches.
      try Self.steadily(directory) { generation in
        var hash = BLAKE2b()
        try XapianReader(generation).dump { hash.update($0) }
        return hash.finish()
      } ?? BLAKE2b.hash([])
    }
  }

  /// Whether any of the terms, byte for byte, is in any of the group's files. Reads all of them.
  package func holds(anyOf terms: [[UInt8]], group: Int) async throws -> Bool {
    let directory = directories[group]
    return try await runBlocking {
      try Self.steadily(directory) { generation in
        try terms.contains { try XapianWriter.contains($0, in: generation) }
      } ?? false
    }
  }

  private static let attemptsMax = 3

  /// Runs `body` with the path of the generation in use, again if it was swapped or changed meanwhile.
  private static func steadily<R>(_ directory: GroupDirectory, _ body: (String) throws -> R) throws -> R? {
    for attempt in 1... {
      guard let generation = try directory.current() else { return nil }
      do {
        return try body(directory.path(of: generation))
      } catch let error as XapianError {
        let isPassing = try error.code == .modified || directory.current() != generation
        guard isPassing, attempt < attemptsMax else { throw SearchIndexError(error, group: directory.group) }
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
      guard let generation = try directory.current() else { return [] }
      let found = try XapianProblem.check(directory.path(of: generation))
      return found.map { IndexProblem($0, group: directory.group) }
    } catch let error as XapianError where error.code == .io || error.code == .noMemory {
      throw SearchIndexError(error, group: directory.group)
    } catch let error as SearchIndexError where error.code != .damaged {
      throw error
    } catch {
      return [IndexProblem(group: directory.group, kind: .unreadable, count: 1, first: nil)]
    }
  }

  /// The generation in use and its revision; `nil` if it cannot be read.
  private static func revision(_ directory: GroupDirectory) -> String? {
    // An unreadable shard has no revision to compare; `problems` reports it.
    guard let generation = try? directory.current() else { return nil }
    guard let state = try? XapianReader(directory.path(of: generation)).state() else { return generation }
    return "\(generation) \(state.revision)"
  }
}
