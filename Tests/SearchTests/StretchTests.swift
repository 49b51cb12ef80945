import History
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import Synchronization
import Testing

/// What is applied to the index in one commit.
@Suite("Stretches of the feed")
struct StretchTests {
  @Test("Messages with many words are cut into commits by their bytes, and none is lost")
  func bytes() async throws {
    try await SearchHouse.with { house in
      let words = (0..<200).map { "word\($0)" }.joined(separator: " ")
      try await house.store([Events.conversation("room"), Events.join("ann", "room", 0)])
      try await house.store(
        (0..<40).map { Events.message("m\($0)", "room", "ann", 1, "\(words) own\($0)", second: $0) })
      var limits = IndexingLimits()
      limits.bytes = 10_000
      let application = house.application
      let indexer = Indexer(
        database: application.database, history: application.history, index: application.index,
        groups: application.settings.indexGroups, limits: limits, now: { .latest })
      let commits = Mutex<[Int]>([])
      try await indexer.catchUp { progress in commits.withLock { $0.append(progress.applied) } }
      // Some 2,400 bytes each: about four of them reach the limit.
      let counts = commits.withLock { $0 }
      #expect((8...20).contains(counts.count), "\(counts)")
      for number in 0..<40 { #expect(try await house.find("own\(number)", as: "ann") == ["m\(number)"]) }
    }
  }
}
