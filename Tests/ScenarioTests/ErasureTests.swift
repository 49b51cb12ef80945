import Foundation
import Testing

extension Scenarios {
  @Suite struct ErasureTests {
    @Test("the most prolific author is erased from everywhere, and nobody else is touched")
    func prolificAuthor() throws {
      let (home, corpus) = (try Home(initialise: []), Corpus(messages: Program.isSlow ? 3_000 : 600))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      let subject = corpus.prolific
      let theirs = corpus.lines.filter { $0.senderID == subject }
      try home.done(["ingest", source])
      try home.done(["archive", "run", "--before", corpus.of(corpus.conversations[0])[60].createdAt])
      try home.done(["export", "create", "--format", "jsonl", "--output", home.path + "/exports/all"])
      let before = try home.histories(of: corpus, except: subject)

      let id = try approved(home, subject)
      let kept = before.mapValues { $0.filter { $0["sender_id"]?.text != subject } }
      try home.done(["erase", "run", id])
      try home.done(["erase", "verify", id])
      #expect(try home.histories(of: corpus, except: subject) == kept)
      try home.expect(corpus.without(subject))
      try nothingComesBack(home, corpus, id)
      #expect(try FileScan.files(of: home.path, holding: markers(theirs)) == [])
      try certificate(home, id, scratch: source)

      // Late and repeated deliveries change nothing.
      let late = try home.done(["ingest", source], status: 3).object
      #expect(late["set_aside"]?.number == theirs.count)
      #expect(late["duplicates"]?.number == corpus.lines.count - theirs.count)
      #expect(late["accepted"]?.number == 0)
      let aside = try home.done(["ingest", "--list-set-aside"]).lines
      #expect(aside.count == theirs.count && aside.allSatisfy { $0["code"]?.text == "subject_erased" })
      try home.done(["ingest", "--retry-set-aside"], status: 3)
      try home.done(["archive", "run", "--older-than", "0d"])
      try home.done(["archive", "compact"])
      #expect(try home.histories(of: corpus, except: subject) == kept)
      #expect(try FileScan.files(of: home.path, holding: markers(theirs)) == [])
      try home.done(["erase", "verify", id])
      #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0)
      try home.expectIndexEqualsRebuilt()
      try home.done(["audit", "verify"])
    }

    /// Texts by which they would be known: what they wrote, their id and name.
    private func markers(_ theirs: [CorpusLine]) -> [String] {
      theirs.map(\.content).filter { $0.utf8.count >= 20 } + [theirs[0].senderID, theirs[0].senderName]
    }

    /// Request to approval, with a hold that the plan names at first, and a second person who must be another.
    private func approved(_ home: Home, _ subject: String) throws -> String {
      let id = try #require(
        try home.done(["erase", "request", "--subject", subject, "--reason", "their wish", "--by", "alice"])
          .object["id"]?.text)
      try home.done(["erase", "run", id, "--by", "alice"], status: 1)
      try home.done(["erase", "plan", id])
      try home.done(["erase", "approve", id, "--by", "alice"], status: 4)
      let placed = try home.done(
        [
          "hold", "place", "--matter", "M-1", "--custodian", subject, "--custodian", "a slip", "--reason",
          "suit",
        ]
      ).object
      #expect(placed["unknown_custodians"]?.elements.compactMap(\.text) == ["a slip"])
      #expect((placed["messages_covered"]?.number ?? 0) > 0)
      let hold = try #require(placed["id"]?.text)
      try home.done(["hold", "place", "--matter", "M-1", "--custodian", "", "--reason", "suit"], status: 64)
      try home.done(["retention", "explain", "never seen"], status: 1)
      #expect(
        try home.done(["erase", "plan", id]).object["blocked_by"]?.elements.first?["hold"]?.text == hold)
      try home.done(["hold", "release", hold, "--reason", "settled"])
      try home.done(["erase", "approve", id, "--by", "bob"])
      return id
    }

    private func nothingComesBack(_ home: Home, _ corpus: Corpus, _ id: String) throws {
      let subject = corpus.prolific
      let other = corpus.reader(of: corpus.conversations[0], except: subject)
      let texts = markers(corpus.lines.filter { $0.senderID == subject })
      #expect(try home.search("from:\(subject)", as: other).ids.isEmpty)
      let theirs = Set(corpus.lines.filter { $0.senderID == subject }.map(\.messageID))
      for query in ["harbour", "note*", "lantern OR copper"] {
        let found = try home.search(query, as: other)
        #expect(theirs.isDisjoint(with: found.ids))
        #expect(found.upper == found.ids.count && found.lower == found.ids.count, "counts of \(query)")
      }
      for verb in [
        ["history", corpus.conversations[0], "--as", subject], ["search", "harbour", "--as", subject],
      ] {
        #expect(try home.run(verb).status != 0)
      }
      try home.done(["export", "create", "--format", "jsonl", "--output", home.path + "/exports/after"])
      let written = theirs.first ?? ""
      let verbs = [
        ["erase", "show", id], ["erase", "list"], ["erase", "certificate", id], ["audit", "list"],
        ["hold", "list"],
        ["export", "list"], ["archive", "list"], ["keys", "status"], ["ingest", "--list-set-aside"],
        ["retention", "explain", written], ["index", "status"],
      ]
      for verb in verbs {
        let outcome = try home.run(verb)
        #expect(!texts.contains { outcome.output.contains($0) || outcome.errors.contains($0) }, "\(verb)")
      }
    }

    private func certificate(_ home: Home, _ id: String, scratch: String) throws {
      let text = try home.done(["erase", "certificate", id]).output
      let path = scratch + "/certificate.json"
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      // Offline: there is no home where this looks for one.
      func check(_ more: String...) throws -> Int32? {
        try Run(["erase", "certificate", "--check", path] + more, home: scratch + "/none").finish().status
      }
      #expect(try check() == 0)
      let key = try #require(try home.done(["keys", "status"]).object["certificate_key"]?.text)
      #expect(try check("--key", key) == 0)
      #expect(try check("--key", String(key.reversed())) == 5)
      // What is no key at all must not pass for any key.
      for typo in ["", "nonsense", String(key.dropLast())] {
        #expect(try check("--key", typo) == 64, "\(typo)")
      }
      var bytes = Array(text.utf8)
      let start = try #require(text.range(of: #""payload":""#)).upperBound.utf16Offset(in: text)
      bytes[start + 40] = bytes[start + 40] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect(try check() == 5)
      try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
      #expect(try check() == 5)
      try FileManager.default.removeItem(atPath: path)
    }
  }
}
