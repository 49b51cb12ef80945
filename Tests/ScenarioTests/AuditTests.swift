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
  }
}
