import Foundation
import Testing

extension Scenarios {
  /// Kill -9 while the index is looked after.
  @Suite struct IndexKillTests {
    private static var kills: Int { Program.isSlow ? 20 : 3 }

    private func filled() throws -> (Home, Corpus) {
      let (home, corpus) = (try Home(), Corpus(messages: Program.isSlow ? 6_000 : 600))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      return (home, corpus)
    }

    /// How many messages of one in `part` were hidden in the catalogue, with no step of the feed to say so.
    private func hide(oneIn part: Int, _ home: Home) throws -> Int {
      try home.count(
        """
        WITH hidden AS (UPDATE message_locator SET state = 3 WHERE state = 1 AND sequence % \(part) = 0 RETURNING 1)
        SELECT count(*) FROM hidden
        """)
    }

    @Test("a rebuild killed at random moments never serves a part, and ends as the index was")
    func rebuildKilled() throws {
      var random = SeededGenerator("rebuild killed")
      let (home, corpus) = try filled()
      let (conversation, before) = (corpus.conversations[0], try home.search("harbour", as: corpus.prolific))
      #expect(!before.hits.isEmpty, "nothing to find in \(conversation)")
      try home.torment(["index", "rebuild"], kills: Self.kills, &random) {
        let found = try home.search("harbour", as: corpus.prolific)
        #expect(found == before)
      }
      #expect(try home.done(["index", "check", "--against-catalogue", "--deep"]).status == 0)
      try home.expectIndexEqualsRebuilt()
    }

    @Test("a compaction killed at random moments loses nothing, and ends without what was deleted")
    func compactKilled() throws {
      var random = SeededGenerator("compact killed")
      let (home, corpus) = try filled()
      let before = try home.search("harbour", as: corpus.prolific)
      try home.torment(["index", "compact"], kills: Self.kills, &random) {
        let found = try home.search("harbour", as: corpus.prolific)
        #expect(found == before)
      }
      #expect(try hide(oneIn: 5, home) > 0)
      try home.done(["index", "reconcile"])
      try home.torment(["index", "compact"], kills: Self.kills, &random)
      for group in try home.done(["index", "status"]).lines {
        for generation in group["generations"]?.elements ?? [] {
          #expect(generation["tombstones"]?.number == 0)
        }
      }
      try home.done(["index", "check", "--against-catalogue", "--deep"])
      try home.expectIndexEqualsRebuilt()
    }

    @Test("a reconciliation killed at random moments is finished by the next one")
    func reconcileKilled() throws {
      var random = SeededGenerator("reconcile killed")
      let (home, _) = try filled()
      let hidden = try hide(oneIn: 3, home)
      #expect(hidden > 0)
      try home.done(["index", "check", "--against-catalogue"], status: 5)
      try home.torment(["index", "reconcile"], kills: Self.kills, &random)
      try home.done(["index", "check", "--against-catalogue", "--deep"])
      let documents = try home.done(["index", "status"]).lines.reduce(0) {
        $0 + ($1["documents"]?.number ?? 0)
      }
      #expect(try documents == home.count("SELECT count(*) FROM message_locator WHERE state = 1"))
      try home.expectIndexEqualsRebuilt()
    }
  }
}
