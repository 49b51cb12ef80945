import Foundation
import Testing

extension Scenarios {
  @Suite struct TierTests {
    /// Searches whose answers must not depend on where messages lie.
    private static func searches(_ corpus: Corpus) -> [(query: String, more: [String])] {
      let room = corpus.conversations[0]
      let line = corpus.of(room)[5]
      let words = line.content.split(separator: " ").map(String.init)
      return [
        ("harbour", []), ("harbour lantern", []), ("\"\(words[3]) \(words[4])\"", []), ("lant*", []),
        ("harbour OR saffron", []), ("copper -signal", []), ("(willow OR quarry) -note*", []), ("会議", []),
        ("привет", []),
        ("falcon in:\(room)", []), ("falcon", ["--from", corpus.prolific]),
        ("anchor", ["--after", corpus.of(room)[20].createdAt, "--before", corpus.of(room).last!.createdAt]),
        ("has:link", []), ("is:thread harbour", []),
      ]
    }

    @Test("history and search give the same bytes from the hot tables and from the archive")
    func sameBytes() throws {
      let (home, corpus) = (try Home(), Corpus(messages: Program.isSlow ? 3_000 : 600))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      try home.expect(corpus)
      let reader = corpus.prolific
      let histories = try home.histories(of: corpus, limit: 37)
      let searches = Self.searches(corpus)
      let found = try searches.map { try home.search($0.query, as: reader, $0.more) }
      #expect(found.filter { !$0.hits.isEmpty }.count >= 12, "\(found.map(\.hits.count))")
      let tied = try Self.tied(corpus)
      let paged = try home.search(tied, as: reader, limit: 1, ["--in", corpus.conversations[3]])
      let whole = try home.search(tied, as: reader, ["--in", corpus.conversations[3]])
      #expect(paged.ids == whole.ids)
      #expect(Set(paged.ids).count == paged.ids.count && paged.ids.count >= 4)

      try home.done(
        ["archive", "run", "--older-than", "0d", "--before", "2020-01-01T00:00:00Z"], status: 64)
      let late = try home.done(
        ["archive", "run", "--older-than", "0d", "--until", "2020-01-01T00:00:00Z"], status: 3)
      #expect(try late.object["messages"]?.number == 0)
      try home.done(["archive", "run", "--older-than", "0d", "--rate", "50MB/s"])
      #expect(try home.count("SELECT count(*) FROM message") == 0)
      #expect(try home.done(["archive", "list", "--orphans"]).lines.isEmpty)
      let sample = try home.done(["archive", "verify", "--sample", "1%", "--seed", "3"]).object
      #expect(sample["segments"]?.number == 1)
      let listed = try home.done(["archive", "list"]).lines.reduce(0) { $0 + ($1["messages"]?.number ?? 0) }
      #expect(listed == corpus.lines.count)

      #expect(try home.histories(of: corpus, limit: 37) == histories)
      for (search, before) in zip(searches, found) {
        #expect(try home.search(search.query, as: reader, search.more) == before, "\(search.query)")
      }
      #expect(try home.search(tied, as: reader, limit: 1, ["--in", corpus.conversations[3]]) == paged)

      let segments = try home.done(["archive", "list"]).lines.compactMap { $0["id"]?.text }
      let dry = try home.done(["archive", "restore", segments[0], "--dry-run"]).object
      let restored = try home.done(["archive", "restore", segments[0], "--by", "kim"]).object
      #expect(dry["messages"] == restored["messages"] && restored["missing"]?.number == 0)
      #expect(try home.histories(of: corpus, limit: 37) == histories, "half hot, half cold")
      try home.done(["archive", "run", "--older-than", "0d"])
      try home.done(["archive", "compact"])
      #expect(try home.histories(of: corpus, limit: 37) == histories)
      #expect(try home.done(["keys", "rotate", "--dry-run"]).object["rewrapped"]?.number == 0)
      try home.done(["keys", "rotate", "--root"])
      #expect(try home.histories(of: corpus, limit: 37) == histories, "under another root key")
      try home.done(["audit", "verify"])
    }

    @Test("what many write lies in a dictionary, and a segment tells what each column takes")
    func dictionary() throws {
      let home = try Home()
      var corpus = Corpus(messages: 5_100)
      // Its seven authors are too few for any phrase to be common.
      for index in corpus.lines.indices { corpus.lines[index].senderID = "writer-\(index % 12)" }
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      let room = corpus.conversations[4]
      let page = ["history", room, "--as", corpus.prolific, "--limit", "50"]
      let before = try home.done(page).lines
      try home.done(["archive", "run", "--older-than", "0d"])
      #expect(try home.done(page).lines == before)
      let segments = try home.done(["archive", "list"]).lines.compactMap { $0["id"]?.text }
      var dictionaries: Set<String> = []
      for segment in segments {
        let shown = try #require(try home.done(["archive", "show", segment]).lines.first)
        dictionaries.insert(try #require(shown["dictionary"]?.text))
        let columns = [
          "header", "tables", "times", "sequences", "keys", "ids", "ciphertext", "text", "tags", "footer",
        ]
        let bytes = columns.compactMap { shown["columns"]?[$0]?.number }
        #expect(bytes.reduce(0, +) == shown["segment"]?["bytes"]?.number)
        #expect(try #require(shown["columns"]?["text"]?.number) < #require(shown["text_bytes"]?.number))
      }
      #expect(dictionaries.count == 1, "made once")
      #expect(try home.count("SELECT count(*) FROM archive_dictionary") == 1)
      try home.done(["archive", "verify", "--deep"])

      try home.done(["archive", "restore", segments[0]])
      try home.done(["archive", "run", "--older-than", "0d"])
      try home.done(["archive", "compact"])
      #expect(try home.done(page).lines == before)
      #expect(try home.count("SELECT count(*) FROM archive_dictionary") == 1)
    }

    /// A word whose messages in the small room share times.
    private static func tied(_ corpus: Corpus) throws -> String {
      let lines = corpus.of(corpus.conversations[3])
      let counts = Dictionary(
        lines.flatMap { line in
          Set(line.content.split(separator: " ").map(String.init)).map { ($0, [line.createdAt]) }
        },
        uniquingKeysWith: +)
      let fitting = counts.filter {
        (4...12).contains($0.value.count) && Set($0.value).count < $0.value.count
          && $0.key.allSatisfy(\.isLetter)
      }
      return try #require(fitting.keys.sorted().first)
    }
  }
}
