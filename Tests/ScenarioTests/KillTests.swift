import Foundation
import Testing

extension Scenarios {
  /// Kill -9 at random moments. Serialized, as each test keeps a database server and both cores busy.
  @Suite struct KillTests {
    private static var kills: Int { Program.isSlow ? 20 : 4 }
    private static var corpus: Corpus { Corpus(messages: Program.isSlow ? 6_000 : 600) }

    @Test("an ingest killed at random moments and started again loses nothing and doubles nothing")
    func ingestKilled() throws {
      var random = SeededGenerator("ingest killed")
      let (home, corpus) = (try Home(), Self.corpus)
      let source = try corpus.write(files: Program.isSlow ? 40 : 12)
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.torment(["ingest", source], kills: Self.kills, &random) {
        // What is there is a beginning of the input: no batch is there in part.
        let stored = try home.count("SELECT count(*) FROM message_locator")
        #expect(
          stored == corpus.lines.count || stored % (corpus.lines.count / (Program.isSlow ? 40 : 12)) == 0)
      }
      #expect(try home.count("SELECT count(*) FROM message_locator") == corpus.lines.count)
      #expect(try home.count("SELECT count(*) FROM message") == corpus.lines.count)
      #expect(try home.count("SELECT count(*) FROM feed") == corpus.lines.count)
      #expect(
        try home.count(
          "SELECT count(*) FROM (SELECT group_id FROM feed GROUP BY group_id HAVING max(sequence) <> count(*)) g"
        )
          == 0, "the feed has gaps")
      try home.expect(corpus)
      let again = try home.done(["ingest", source]).object
      #expect(again["duplicates"]?.number == corpus.lines.count)
      #expect(again["accepted"]?.number == 0)
      try home.expectIndexEqualsRebuilt()
    }

    @Test("a database server killed under an ingest costs nothing but another try")
    func serverKilled() throws {
      var random = SeededGenerator("server killed")
      let (home, corpus) = (try Home(), Self.corpus)
      let source = try corpus.write(files: 12)
      defer { try? FileManager.default.removeItem(atPath: source) }
      for _ in 0..<(Self.kills / 2) {
        try home.done(["index", "status"])
        let run = try home.start(["ingest", source, "--json"])
        try home.killServer(afterSeconds: home.startSeconds * Double.random(in: 0.2...3, using: &random))
        let outcome = try run.finish()
        #expect(outcome.status == 0 || outcome.output.contains("database_unavailable"), "\(outcome.failure)")
      }
      try home.done(["ingest", source])
      #expect(try home.count("SELECT count(*) FROM message") == corpus.lines.count)
      try home.expect(corpus)
      try home.expectIndexEqualsRebuilt()
    }

    @Test("an index killed while it catches up ends as one that was built in peace")
    func catchUpKilled() throws {
      var random = SeededGenerator("catch-up killed")
      let (home, corpus) = (try Home(), Self.corpus)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source, "--no-index"])
      try home.torment(["index", "catch-up"], kills: Self.kills, &random)
      try home.expectIndexEqualsRebuilt()
      try home.torment(["index", "rebuild"], kills: Self.kills / 2, &random)
      try home.expectIndexEqualsRebuilt()
      let found = try home.search("harbour", as: corpus.prolific, ["--in", corpus.conversations[0]])
      #expect(
        found.hits.count == corpus.of(corpus.conversations[0]).filter { $0.content.contains("harbour") }.count
      )
    }

    @Test("archiving killed at random moments leaves each message in one place, and no stray object")
    func archiveKilled() throws {
      var random = SeededGenerator("archive killed")
      let (home, corpus) = (try Home(), Self.corpus)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      let before = try home.histories(of: corpus)
      try home.torment(["archive", "run", "--older-than", "0d"], kills: Self.kills, &random) {
        let hot = try home.count("SELECT count(*) FROM message")
        let cold = try home.count(
          "SELECT coalesce(sum(message_count), 0) FROM segment WHERE superseded_at IS NULL")
        #expect(hot + cold == corpus.lines.count)
        #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0)
      }
      #expect(try home.count("SELECT count(*) FROM message") == 0)
      try home.expectNoOrphans()
      #expect(try home.histories(of: corpus) == before)
      try home.expectIndexEqualsRebuilt()
    }

    @Test("an export killed five times goes on each time, and has the bytes of one that was let be")
    func exportKilled() throws {
      let (home, corpus) = (try Home(), Corpus(messages: 600))
      let source = try corpus.write()
      let out = try Scratch.make("exports")
      defer {
        for path in [source, out] { try? FileManager.default.removeItem(atPath: path) }
      }
      try home.done(["ingest", source, "--no-index"])
      try home.done(["archive", "run", "--before", corpus.lines[corpus.lines.count / 2].createdAt])
      let words = ["export", "create", "--format", "jsonl", "--format", "csv", "--output"]
      var kills = 0
      for _ in 1...5 {
        let before = Self.checkpoint(out)
        let run = try home.start(words + [out + "/killed", "--rate", "40", "--json"])
        // As soon as it has written down a bit more: each run has something of its own to lose.
        if try run.kill(when: { Self.checkpoint(out) != before }).status == nil { kills += 1 }
      }
      note("  export: killed \(kills) times")
      #expect(kills == 5 && !FileManager.default.fileExists(atPath: out + "/killed"))
      #expect(try home.done(["export", "list"]).lines.map { $0["interrupted"]?.isTrue } == [true])
      try home.done(words + [out + "/killed"])
      try home.done(words + [out + "/peace"])
      #expect(try home.done(["export", "list"]).lines.count == 2)
      for package in ["killed", "peace"] { try home.done(["export", "verify", "\(out)/\(package)"]) }
      for file in ["messages.jsonl", "conversations.jsonl", "csv/messages.csv", "csv/members.csv"] {
        #expect(
          FileManager.default.contentsEqual(atPath: "\(out)/killed/\(file)", andPath: "\(out)/peace/\(file)"),
          "\(file) differs")
      }
      #expect(try home.done(["export", "verify", out + "/killed"]).object["messages"]?.number == 600)
    }

    /// What the export that is being made in a directory has written down.
    private static func checkpoint(_ directory: String) -> Data? {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      return names.first { $0.hasSuffix(".partial") }.flatMap {
        FileManager.default.contents(atPath: "\(directory)/\($0)/.resume/checkpoint.json")
      }
    }

    @Test("an erasure killed at random moments is completed by running it again")
    func eraseKilled() throws {
      var random = SeededGenerator("erase killed")
      let (home, corpus) = (try Home(), Self.corpus)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      let cutoff = corpus.lines[corpus.lines.count / 8].createdAt
      let subject = corpus.prolific
      // Asked for before anything of theirs came: nothing but their id leads to them.
      let id = try #require(
        try home.done(["erase", "request", "--subject", subject, "--reason", "wish"]).object["id"]?.text)
      try home.done(["ingest", source])
      try home.done(["archive", "run", "--before", cutoff])
      try home.done(["erase", "plan", id])
      try home.done(["erase", "approve", id])
      let kept = try home.histories(of: corpus, except: subject).mapValues { messages in
        messages.filter { $0["sender_id"]?.text != subject }
      }
      let last = try home.torment(["erase", "run", id], kills: Self.kills, &random)
      #expect(try last.object["state"]?.text == "completed")
      try home.done(["erase", "verify", id])
      #expect(try home.histories(of: corpus, except: subject) == kept)
      try home.expect(corpus.without(subject))
      try home.done(["index", "catch-up"])
      try home.expectIndexEqualsRebuilt()
      #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0)
      let texts = corpus.lines.filter { $0.senderID == subject }.map(\.content) + [subject]
      #expect(try FileScan.files(of: home.path, holding: texts) == [])
    }

    @Test("retention killed at random moments deletes what is due, once, and nothing else")
    func retentionKilled() throws {
      var random = SeededGenerator("retention killed")
      let (home, corpus) = (try Home(settings: "retention:\n  grace: 0d\n"), Self.corpus)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      try home.done(["archive", "run", "--before", corpus.lines[corpus.lines.count / 8].createdAt])
      let (doomed, other) = (corpus.conversations[1], corpus.conversations[2])
      let policies = "\(source)/policies.json"
      try #"{"policies":[{"name":"short","scope":{"conversation":"\#(doomed)"},"delete_after":"1d"}]}"#
        .write(toFile: policies, atomically: true, encoding: .utf8)
      try home.done(["retention", "set", policies])
      try home.torment(["retention", "apply"], kills: Self.kills, &random) {
        let read = try home.history(other, as: corpus.reader(of: other))
        #expect(read.count == corpus.of(other).count)
      }
      var left = corpus
      left.lines.removeAll { $0.conversationID == doomed }
      try home.expect(left)
      #expect(try home.history(doomed, as: corpus.reader(of: doomed)).isEmpty)
      #expect(
        try home.count("SELECT count(*) FROM message_locator WHERE state = 3") == corpus.of(doomed).count)
      try home.expectIndexEqualsRebuilt()
      #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0)
      try home.done(["audit", "verify"])
    }
  }
}
