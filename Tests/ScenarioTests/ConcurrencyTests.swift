import Foundation
import Testing

extension Scenarios {
  @Suite struct ConcurrencyTests {
    private static var rounds: Int { Program.isSlow ? 10 : 1 }

    @Test("two ingests of the same files at once store everything once")
    func twoIngests() throws {
      for round in 0..<Self.rounds {
        let (home, corpus) = (try Home(), Corpus(messages: 600, seed: UInt64(round)))
        let source = try corpus.write(files: 12)
        defer { try? FileManager.default.removeItem(atPath: source) }
        let runs = try (0..<2).map { _ in try home.start(["ingest", source, "--json"]) }
        let outcomes = try runs.map { try $0.finish() }
        for outcome in outcomes { #expect(outcome.status == 0, "\(outcome.failure)") }
        let sums = try outcomes.map { try $0.object }
        #expect(sums.reduce(0) { $0 + ($1["accepted"]?.number ?? 0) } == corpus.lines.count, "\(sums)")
        #expect(sums.reduce(0) { $0 + ($1["duplicates"]?.number ?? 0) } == corpus.lines.count, "\(sums)")
        try home.expect(corpus)
        try home.done(["index", "catch-up"])
        try home.expectIndexEqualsRebuilt()
      }
    }

    @Test("messages that arrive while the archive runs are neither lost nor doubled")
    func ingestWhileArchiving() throws {
      for round in 0..<Self.rounds {
        let (home, corpus) = (try Home(), Corpus(messages: 600, seed: UInt64(100 + round)))
        // Every other message comes late, so that both halves reach into the same months and rooms.
        var halves = [Corpus(), Corpus()]
        for (number, line) in corpus.lines.enumerated() { halves[number % 2].lines.append(line) }
        let sources = try halves.map { try $0.write(files: 8) }
        defer { for source in sources { try? FileManager.default.removeItem(atPath: source) } }
        try home.done(["ingest", sources[0]])
        let ingesting = try home.start(["ingest", sources[1], "--json"])
        for _ in 0..<3 { try home.done(["archive", "run", "--older-than", "0d"]) }
        let outcome = try ingesting.finish()
        #expect(outcome.status == 0, "\(outcome.failure)")
        #expect(try outcome.object["accepted"]?.number == halves[1].lines.count)
        for _ in 0..<2 {
          let histories = try home.histories(of: corpus)
          for conversation in corpus.conversations {
            let read = (histories[conversation] ?? []).compactMap { $0["message_id"]?.text }
            #expect(read.sorted() == corpus.of(conversation).map(\.messageID).sorted())
          }
          try home.done(["archive", "run", "--older-than", "0d"])
        }
        #expect(try home.count("SELECT count(*) FROM message") == 0)
        let cold = try home.count(
          "SELECT coalesce(sum(message_count), 0) FROM segment WHERE superseded_at IS NULL")
        #expect(cold == corpus.lines.count)
        try home.expectNoOrphans()
        try home.done(["index", "catch-up"])
        try home.expectIndexEqualsRebuilt()
      }
    }
  }
}
