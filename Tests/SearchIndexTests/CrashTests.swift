import Glibc
import Model
import SearchIndex
import Testing

@Suite("Crashes and damage")
struct CrashTests {
  /// Ends this process without warning after so many microseconds.
  static func dieLater(_ microseconds: Int) {
    var thread = pthread_t()
    let argument = UnsafeMutableRawPointer(bitPattern: microseconds)
    pthread_create(
      &thread, nil,
      { argument in
        usleep(UInt32(Int(bitPattern: argument)))
        kill(getpid(), SIGKILL)
        return nil
      }, argument)
  }

  /// Documents 1 to n, where n is the position: each step adds one, and edits the one before.
  static func step(_ position: Int64) -> [IndexOperation] {
    var operations: [IndexOperation] = [.put(Sample.message(position, "ab c"))]
    if position > 1 { operations.append(.put(Sample.message(position - 1, "ab d"))) }
    if position % 10 == 0 { operations.append(.delete(sequence: position - 5)) }
    return operations
  }

  /// What `step` leads to, whether in one go or with a crash between any two.
  static func verify(_ path: String) async throws -> Int64 {
    let reader = try SearchIndex(directory: path, groups: 1)
    let position = try await reader.position(group: 0)
    #expect(try await reader.check() == [])
    await reader.close()
    let index = try SearchIndex(directory: path, groups: 1, limits: SearchTests.small)
    let expected = (1...max(position, 1)).filter { $0 <= position && ($0 % 10 != 5 || $0 + 5 > position) }
    #expect(try await index.documentCount(group: 0) == expected.count)
    // A deletion hides its message before it is committed; the next step commits it.
    let hidden = (position + 1) % 10 == 0 ? position - 4 : 0
    let found = try await index.search(Sample.query(.term(Sample.word("ab")), limit: 10_000)).sequences
    let edited = try await index.search(Sample.query(.term(Sample.word("d")), limit: 10_000)).sequences
    #expect(found.filter { $0 != hidden } == expected.filter { $0 != hidden }.reversed())
    #expect(edited.filter { $0 != hidden } == expected.filter { $0 != hidden && $0 < position }.reversed())
    // The next step applies, and opening for it has swept what was left of a purge.
    try await index.apply(step(position + 1), group: 0, upTo: position + 1)
    #expect(Scratch.generations(path + "/group-00").isEmpty)
    #expect(try await index.check() == [])
    await index.close()
    return position + 1
  }

  @Test(
    "killed at any moment of writing, sealing or purging, the index opens at a position its documents match")
  func killed() async throws {
    let scratch = Scratch()
    let path = scratch.path
    var random = Random.printed("kill")
    var last: Int64 = 0
    for _ in 0..<12 {
      let delay = 1_000 + random.below(60_000)
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as Int] in
        let index = try SearchIndex(directory: path, groups: 1, limits: SearchTests.small)
        var position = try await index.position(group: 0)
        CrashTests.dieLater(delay)
        while true {
          position += 1
          try await index.apply(CrashTests.step(position), group: 0, upTo: position)
          if position % 4 == 0 { try await index.purge(sequences: [], group: 0) }
          if position % 7 == 0 { try await index.settle(group: 0) }
          if position % 23 == 0 { try await index.compact(group: 0) }
        }
      }
      let position = try await Self.verify(path)
      #expect(position > last)
      last = position
    }
  }

  @Test("what an unfinished purge left is swept by the next writer, not by readers")
  func swept() async throws {
    let scratch = Scratch()
    let group = scratch.path + "/group-00"
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    try await index.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 1)
    await index.close()
    mkdir(group + "/generation-000009", 0o700)
    Scratch.write([1, 2, 3], to: group + "/generation-000009/postlist.glass")
    let again = try SearchIndex(directory: scratch.path, groups: 1)
    #expect(try await again.search(Sample.query(.everything)).sequences == [1])
    #expect(Scratch.names(in: group).contains("generation-000009"))
    try await again.apply([.put(Sample.message(2, "ab"))], group: 0, upTo: 2)
    #expect(!Scratch.names(in: group).contains("generation-000009"))
    #expect(try await again.search(Sample.query(.everything)).sequences == [2, 1])
    await again.close()
  }

  enum Damage: CaseIterable {
    case noSidecar, shortSidecar, sidecarMagic, sidecarRecord, noPostlist, shortPostlist, noVersion,
      currentText
    case currentMissingTarget
  }

  static func inflict(_ damage: Damage, _ group: String) {
    let generation = group + "/generation-000001/"
    func edit(_ name: String, _ change: (inout [UInt8]) -> Void) {
      var bytes = Scratch.read(generation + name)
      change(&bytes)
      Scratch.write(bytes, to: generation + name)
    }
    switch damage {
    case .noSidecar: unlink(generation + "sidecar")
    case .shortSidecar: edit("sidecar") { $0.removeLast($0.count - 100) }
    case .sidecarMagic: edit("sidecar") { $0[0] ^= 1 }
    case .sidecarRecord: edit("sidecar") { $0[64 + 16] ^= 1 }
    case .noPostlist: unlink(generation + "postlist.glass")
    case .shortPostlist: edit("postlist.glass") { $0.removeLast($0.count - 10) }
    case .noVersion: unlink(generation + "iamglass")
    case .currentText: Scratch.write(Array("nonsense\n".utf8), to: group + "/CURRENT")
    case .currentMissingTarget: Scratch.write(Array("generation-000077\n".utf8), to: group + "/CURRENT")
    }
  }

  @Test(
    "a damaged group says so and what to do, and a reset makes it usable again", arguments: Damage.allCases)
  func damaged(damage: Damage) async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    let documents = (1...50).map { IndexOperation.put(Sample.message($0, "ab")) }
    try await index.apply(documents, group: 0, upTo: 50)
    let sound = try await index.fingerprint(group: 0)
    await index.close()
    Self.inflict(damage, scratch.path + "/group-00")

    let again = try SearchIndex(directory: scratch.path, groups: 1)
    let problems = try await again.check()
    #expect(
      problems.count == 1 && problems.allSatisfy { $0.group == 0 && $0.nextStep.contains("index rebuild") })
    // A single record is only found by looking at all of them.
    if damage != .sidecarRecord {
      do {
        _ = try await again.search(Sample.query(.term(Sample.word("ab"))))
        Issue.record("expected damaged")
      } catch let error as SearchIndexError {
        #expect(error.code == .damaged && !error.isRetryable)
        #expect(error.description.contains("group 0") && error.description.contains("muniment index rebuild"))
      }
      await WriterTests.code(.damaged) { try await again.apply([.delete(sequence: 1)], group: 0, upTo: 51) }
    }
    try await again.reset(group: 0)
    #expect(try await again.position(group: 0) == 0)
    try await again.apply(documents, group: 0, upTo: 50)
    #expect(try await again.fingerprint(group: 0) == sound)
    #expect(try await again.check() == [])
    await again.close()
  }

  static func pair(_ position: Int64) -> [IndexOperation] {
    [.put(Sample.message(position * 2 - 1, "ab")), .put(Sample.message(position * 2, "ab"))]
  }

  @Test("readers are never disturbed by commits and purges, and see whole commits only")
  func concurrent() async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: SearchTests.small)
    try await index.apply(Self.pair(1), group: 0, upTo: 1)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        for position in Int64(2)...60 {
          try await index.apply(Self.pair(position), group: 0, upTo: position)
          if position % 20 == 0 { try await index.purge(sequences: [], group: 0) }
        }
      }
      tasks.addTask {
        for _ in 0..<40 {
          try await index.settle(group: 0)
          await Task.yield()
        }
      }
      for _ in 0..<2 {
        tasks.addTask {
          var last = 0
          while last < 120 {
            let page = try await index.search(Sample.query(.term(Sample.word("ab")), limit: 1_000))
            #expect(page.matches % 2 == 0 && page.matches >= last && page.hits.count == page.matches)
            last = page.matches
          }
        }
      }
      try await tasks.waitForAll()
    }
    await index.close()
  }
}
