import Foundation
import Testing

extension Scenarios {
  @Suite struct MembershipTests {
    private static let ingest = ["ingest", "-", "--format", "events"]

    private func feed(_ home: Home, _ lines: [String], status: Int32 = 0, _ more: [String] = []) throws
      -> JSON
    {
      let text = lines.map { $0 + "\n" }.joined()
      let outcome = try Run(Self.ingest + more + ["--json"], home: home.path, input: text).finish()
      #expect(outcome.status == status, "\(outcome.failure)")
      return try outcome.object
    }

    /// What a member sees of `c-late` and of the word `budget`.
    private static let views: [(member: String, seen: [Int])] = [
      ("ann", Array(0...20)), ("bob", Array(10...20)), ("cy", Array(0...4) + Array(12...20)),
      ("dee", Array(8...20)),
    ]

    private func expectViews(_ home: Home, gone: Set<Int>, reworded: Set<Int>, limits: [Int] = [100]) throws {
      for view in Self.views {
        let seen = view.seen.filter { !gone.contains($0) }
        for limit in limits {
          #expect(
            try home.history("c-late", as: view.member, limit: limit).compactMap { $0["message_id"]?.text }
              == seen.map { "m\($0)" },
            "history of \(view.member)")
        }
        let found = try home.search("budget", as: view.member)
        let wanted = seen.filter { !reworded.contains($0) }
        #expect(found.ids == wanted.reversed().map { "m\($0)" }, "search of \(view.member)")
        #expect(found.lower == wanted.count && found.upper == wanted.count, "counts of \(view.member)")
        #expect(
          try home.search("forecast", as: view.member).ids.sorted()
            == ["m12", "m20"].filter { !gone.contains(Int($0.dropFirst())!) }, "\(view.member)")
        #expect(
          try home.search("secret", as: view.member).ids == (view.seen.contains(3) ? ["m3"] : []),
          "\(view.member)")
      }
      #expect(try home.run(["history", "c-late", "--as", "eve"]).status == 1)
      #expect(try home.run(["history", "c-late", "--as", "bob", "--around", "m4"]).status == 1)
      #expect(try home.run(["history", "c-late", "--as", "bob", "--before", "m4"]).status == 1)
    }

    @Test("a member sees their windows only, hot and cold, with changes before and after archiving")
    func windows() throws {
      let home = try Home()
      let first = try feed(home, LateRoom.events)
      #expect(first["accepted"]?.number == LateRoom.events.count)
      try expectViews(home, gone: [13, 21], reworded: [3, 12, 20], limits: [3, 100])
      let reacted = try home.history("c-late", as: "bob").first { $0["message_id"]?.text == "m14" }
      #expect(reacted?["reactions"]?.elements.first?["name"]?.text == "thumbsup")
      #expect(
        try home.history("c-late", as: "bob").first { $0["message_id"]?.text == "m15" }?["reactions"] == nil)
      let whole = try home.history("c-late", as: "ann")

      let again = try feed(home, LateRoom.events)
      #expect(again["duplicates"]?.number == LateRoom.events.count, "\(again)")
      try home.done(["archive", "run", "--older-than", "0d"])
      try expectViews(home, gone: [13, 21], reworded: [3, 12, 20], limits: [3, 100])
      #expect(try home.history("c-late", as: "ann") == whole)
      #expect(try feed(home, LateRoom.events)["duplicates"]?.number == LateRoom.events.count)

      // Changes to messages that are in the archive.
      _ = try feed(
        home,
        [
          LateRoom.edited("m16", "revised estimate", 300), LateRoom.deleted("m17", 301),
          LateRoom.reaction("added", "m18", "eyes", 302),
          LateRoom.reaction("removed", "m14", "thumbsup", 303),
        ])
      try expectViews(home, gone: [13, 17, 21], reworded: [3, 12, 16, 20])
      #expect(try home.search("revised", as: "bob").ids == ["m16"])
      let changed = try home.history("c-late", as: "bob")
      #expect(
        changed.first { $0["message_id"]?.text == "m18" }?["reactions"]?.elements.first?["name"]?.text
          == "eyes")
      #expect(changed.first { $0["message_id"]?.text == "m14" }?["reactions"] == nil)
      try home.done(["archive", "compact"])
      #expect(try home.history("c-late", as: "bob") == changed)
      try expectViews(home, gone: [13, 17, 21], reworded: [3, 12, 16, 20])
      try home.expectIndexEqualsRebuilt()
    }

    @Test("another tenant sees nothing, even of the same ids")
    func tenants() throws {
      let home = try Home()
      try home.done(["init", "--tenant", "other"])
      _ = try feed(home, LateRoom.events)
      let other = ["--tenant", "other"]
      #expect(try home.run(["search", "budget", "--as", "bob"] + other).status == 1)
      #expect(try home.run(["history", "c-late", "--as", "bob"] + other).status == 1)
      _ = try feed(
        home, [LateRoom.joined("bob", 0), LateRoom.message(1, "budget of the other house", sender: "bob")],
        other)
      for _ in 0..<2 {
        let found = try home.search("budget", as: "bob", other)
        #expect(found.ids == ["m1"] && found.upper == 1)
        #expect(found.hits.first?["body"]?["plain"]?.text == "budget of the other house")
        #expect(try home.history("c-late", as: "bob", other).count == 1)
        #expect(try home.search("budget", as: "bob").ids.count == 8)
        #expect(try home.search("house", as: "ann").ids.isEmpty)
        try home.done(["archive", "run", "--older-than", "0d"])
      }
      try home.expectNoOrphans()
    }

    @Test("what cannot be accepted is set aside with line, code and exit status 3, and can be tried again")
    func setAside() throws {
      let home = try Home()
      _ = try feed(home, Array(LateRoom.events.prefix(10)))
      let huge =
        #"{"type":"message.created","message_id":"big","pad":"\#(String(repeating: "x", count: 1_050_000))"}"#
      let lines = [
        // With an id of its own: refused, it must not count as seen when it is tried again.
        LateRoom.message(1, "budget rewritten behind the back")
          .replacingOccurrences(of: #"{"type""#, with: #"{"event_id":"e-1","type""#),
        LateRoom.message(9, "budget item number 9"), #"{"type":"message.cre"#,
        #"{"type":"weather.changed","at":1}"#, huge, "\u{1}",
        #"{"type":"message.created","message_id":"m77"}"#,
        LateRoom.message(10, "budget item number 10"),
      ]
      let outcome = try feed(home, lines, status: 3)
      #expect(outcome["accepted"]?.number == 2, "\(outcome)")
      #expect(outcome["set_aside"]?.number == 6, "\(outcome)")
      let aside = try home.done(["ingest", "--list-set-aside"]).lines
      #expect(aside.compactMap { $0["line"]?.number }.sorted() == [1, 3, 4, 5, 6, 7])
      let codes = Dictionary(
        aside.map { ($0["line"]?.number ?? 0, $0["code"]?.text ?? "") },
        uniquingKeysWith: { first, _ in first })
      #expect(codes[1] == "conflict")
      #expect(codes[4]?.contains("type") == true && codes[5]?.contains("oversized") == true)
      #expect(
        try home.history("c-late", as: "ann").first { $0["message_id"]?.text == "m1" }?["body"]?["plain"]?
          .text == "budget item number 1")
      let repeated = try feed(home, lines, status: 3)
      #expect(repeated["accepted"]?.number == 0)
      #expect(
        try home.done(["ingest", "--list-set-aside"]).lines.count == 6, "the same input again adds nothing")

      // A file sent as the wrong format goes through once it is read as the right one.
      let corpus = Corpus(messages: 20)
      let source = try corpus.write(files: 1)
      defer { try? FileManager.default.removeItem(atPath: source) }
      let wrong = try home.done(["ingest", source, "--format", "events"], status: 3).object
      #expect(wrong["set_aside"]?.number == corpus.lines.count)
      let retried = try home.done(["ingest", "--retry-set-aside"], status: 3).object
      #expect(retried["accepted"]?.number == corpus.lines.count)
      #expect(retried["set_aside"]?.number == 6)
      try home.expect(corpus)
      #expect(try home.done(["ingest", "--list-set-aside"]).lines.count == 6)
    }
  }
}
