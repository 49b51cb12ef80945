import Foundation
import Testing

extension Scenarios {
  /// Files of the index that cannot grow, as on a full disk.
  @Suite struct IndexFullDiskTests {
    /// Enough for what a command writes besides; no generation of this many messages fits.
    private static let kibibytes = 48

    private func limited(_ words: [String], _ home: Home) throws -> Outcome {
      try Run(words + ["--json"], home: home.path, kibibytesMax: Self.kibibytes).finish()
    }

    private func expectRefused(_ outcome: Outcome, at location: SourceLocation = #_sourceLocation) throws {
      #expect(outcome.status == 75, "\(outcome.failure)", sourceLocation: location)
      let error = try outcome.object["error"]
      #expect(error?["code"]?.text == "index_io", sourceLocation: location)
      #expect(error?["next_step"]?.text?.contains("free space") == true, sourceLocation: location)
    }

    @Test("a disk that fills up while the index is fed loses nothing: the next run goes on")
    func feeding() throws {
      let (home, corpus) = (try Home(), Corpus(messages: 2_000))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", "--no-index", source])
      try expectRefused(limited(["index", "catch-up"], home))
      // What was not committed is not there, and nothing is damaged.
      try home.done(["index", "check"])
      try home.done(["index", "catch-up"])
      try home.done(["index", "check", "--against-catalogue", "--deep"])
      try home.expectIndexEqualsRebuilt()
    }

    @Test("a disk that fills up while the index is sealed leaves it as it was, and searches go on")
    func sealing() throws {
      let (home, corpus) = (try Home(), Corpus(messages: 2_000))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      let before = try home.search("harbour", as: corpus.prolific)
      #expect(!before.hits.isEmpty)
      for words in [["index", "compact"], ["index", "rebuild"]] {
        try expectRefused(limited(words, home))
        #expect(try home.search("harbour", as: corpus.prolific) == before)
        try home.done(["index", "check"])
        try home.done(words)
        #expect(try home.search("harbour", as: corpus.prolific) == before)
      }
      try home.expectIndexEqualsRebuilt()
    }
  }
}
