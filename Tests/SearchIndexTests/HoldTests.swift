import Testing

@testable import SearchIndex

/// What one writer of a group is making is safe from the other's sweeping.
@Suite("Generations in the making")
struct HoldTests {
  let scratch = Scratch()

  @Test("A sweep takes what a crash left, and not what is being made")
  func sweeping() throws {
    let directory = GroupDirectory(root: scratch.path, group: 0)
    let hold = GroupHold()
    try hold.take(directory, for: "serving")
    let names = try (0..<3).map { _ in try hold.makeGeneration(in: directory) }
    #expect(Set(names).count == 3)
    try directory.sweep(hold)
    #expect(Set(directory.generations()) == Set(names))
    hold.end([names[0]])
    try directory.use(GenerationList(hot: names[1]))
    hold.end([names[1]])
    try directory.sweep(hold)
    #expect(Set(directory.generations()) == [names[1], names[2]])
  }

  @Test("A rebuild that rolls and is purged beside a serving group that does the same loses nothing")
  func sideBySide() async throws {
    var limits = GenerationLimits()
    limits.hotDocuments = 5
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    let count: Int64 = 120
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for isRebuild in [false, true] {
        tasks.addTask {
          for sequence in 1...count {
            let put = [IndexOperation.put(Sample.message(sequence, "ab"))]
            _ =
              isRebuild
              ? try await index.applyToRebuild(put, group: 0, upTo: sequence)
              : try await index.apply(put, group: 0, upTo: sequence)
            if sequence % 10 == 0 { await index.release() }
            if sequence % 30 == 0 {
              isRebuild ? try await index.cleanRebuild(group: 0) : try await index.settle(group: 0)
            }
          }
        }
      }
      try await tasks.waitForAll()
    }
    #expect(try await index.documentCount(group: 0) == Int(count))
    #expect(try await index.publishRebuild(group: 0))
    #expect(try await index.documentCount(group: 0) == Int(count))
    #expect(try await index.check() == [])
    await index.close()
  }
}
