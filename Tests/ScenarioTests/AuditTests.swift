import Foundation
import Testing

extension Scenarios {
  @Suite struct AuditTests {
    @Test("what leaves the audit log is checked without the home, and its damage found")
    func offline() throws {
      let home = try Home(initialise: ["--second-person", "off"])
      for matter in ["M-1", "M-2"] {
        let placed = try home.done(["hold", "place", "--matter", matter, "--reason", "suit", "--by", "ada"])
        let hold = try #require(try placed.object["id"]?.text)
        try home.done(["hold", "release", hold, "--reason", "settled", "--by", "ada"])
      }
      let folder = try Scratch.make("audit")
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let (entries, proof) = (folder + "/entries.ndjson", folder + "/1.tlog-proof")
      let head = try home.done(["audit", "head"]).object
      let key = try #require(head["key"]?.text)
      #expect(try home.done(["audit", "key"]).object["key"]?.text == key)
      let checkpoint = folder + "/checkpoint"
      try #require(head["checkpoint"]?.text).write(toFile: checkpoint, atomically: true, encoding: .utf8)
      #expect(try home.done(["audit", "export", "--output", entries]).object["entries"]?.number == 4)
      try home.done(["audit", "prove", "1", "--output", proof])
      #expect(
        try home.done(["audit", "consistency", "2"]).object["request"]?.text?.hasPrefix("old 2\n") == true)
      try home.done(["audit", "verify", "--checkpoint", checkpoint])
      try home.done(["audit", "cosign", checkpoint], status: 5)
      let text = try String(contentsOfFile: entries, encoding: .utf8)
      #expect(text.contains(#""actor":"ada""#) && text.contains(#""reason":"suit""#))

      // From here on without the home.
      func check(_ words: [String]) throws -> Int32? {
        try Run(["audit", "verify", "--key", key, "--entries", entries] + words, home: folder + "/none")
          .finish()
          .status
      }
      #expect(try check(["--checkpoint", checkpoint]) == 0)
      #expect(try check(["--proof", proof]) == 0)
      #expect(try check([]) == 64)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
      let damaged = [
        lines.dropLast().map { $0 }, [lines[0], lines[2], lines[1], lines[3]],
        [lines[0].replacing("hold.placed", with: "hold.played")] + lines.dropFirst(), [],
      ]
      for lines in damaged {
        try lines.map { $0 + "\n" }.joined().write(toFile: entries, atomically: true, encoding: .utf8)
        #expect(try check(["--checkpoint", checkpoint]) == 5)
      }
    }

    @Test("records of processing say what the settings say, what is kept, where, and what is missing")
    func processing() throws {
      let settings =
        "processing: {controller: 'Example Ltd', purposes: 'history for members (Art. 6(1)(b)); duties of records'}\n"
      let home = try Home(settings: settings)
      let corpus = Corpus(messages: 40)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      try home.done(["export", "create", "--format", "jsonl", "--output", home.path + "/exports/all"])
      let report = try home.done(["report", "processing"]).object
      #expect(report["controller"]?.text == "Example Ltd")
      #expect(report["purposes"]?.elements.count == 2)
      #expect(report["data"]?.elements.first?["count"]?.number == corpus.lines.count)
      #expect(report["recipients"]?.elements.last?["times"]?.number == 1)
      #expect(report["stores"]?.elements.first?["place"]?.text == home.path + "/postgres")
      #expect(report["missing"]?.elements.count == 2)
      let page = try Run(["report", "processing", "--format", "markdown"], home: home.path).finish()
      #expect(page.status == 0 && page.output.contains("## Time limits for erasure"))
      let names = corpus.lines.flatMap { [$0.senderID, $0.senderName] }
      #expect(!names.contains { page.output.contains($0) })
    }
  }
}
