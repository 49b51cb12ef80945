import Foundation
import Testing

extension Scenarios {
  @Suite struct PolicyTests {
    @Test(
      "a change that deletes more is previewed, waits for another person, and deletes what its preview said")
    func approval() throws {
      let corpus = Corpus(messages: 120)
      let source = try corpus.write()
      let rules = try Scratch.make("rules")
      defer { for path in [source, rules] { try? FileManager.default.removeItem(atPath: path) } }
      let file = rules + "/policies.yaml"
      try "policies:\n  - {name: default, scope: {tenant: true}, delete_after: 1d}\n".write(
        toFile: file, atomically: true, encoding: .utf8)
      let home = try Home(settings: "retention: {grace: 0s, approval: second_person}\n", initialise: [])
      let count = try #require(try home.done(["ingest", source]).object["accepted"]?.number)
      try home.done(["archive", "run", "--older-than", "1d"])

      let set = try home.done(["retention", "set", file, "--by", "alice"]).object
      #expect(set["standing"]?.text == "waiting" && set["id"]?.text == "1")
      let shown = try home.done(["retention", "show", "1"]).object
      let totals = try #require(shown["preview"]?["totals"])
      #expect(totals["due"]?.number == corpus.lines.count && totals == set["totals"])
      // All of it is archived: what it takes up is known by the average of its segments.
      #expect((totals["bytes"]?.number ?? 0) > corpus.lines.count)
      #expect(shown["audit"]?["matches"]?.isTrue == true)
      #expect(count >= corpus.lines.count)

      #expect(try home.done(["retention", "apply"]).object["deleted"]?.number == 0)
      let problems = try home.done(["status"]).object["problems"]?.elements ?? []
      #expect(problems.contains { $0["code"]?.text == "policies_unapproved" })
      #expect(try home.run(["retention", "approve", "1", "--by", "alice"]).status == 4)
      #expect(try home.done(["retention", "apply"]).object["deleted"]?.number == 0)
      let approved = try home.done(["retention", "approve", "1", "--by", "bob"]).object
      #expect(approved["standing"]?.text == "in_force")
      #expect(try home.done(["retention", "list"]).lines.map { $0["standing"]?.text } == ["in_force"])
      #expect(try home.done(["retention", "apply"]).object["deleted"]?.number == totals["due"]?.number)
      #expect(try home.done(["retention", "show", "1"]).object["preview"]?["totals"] == totals)
    }

    @Test("a label's dry run says what would be due, and stores nothing")
    func dryRun() throws {
      let corpus = Corpus(messages: 60)
      let source = try corpus.write()
      let rules = try Scratch.make("rules")
      defer { for path in [source, rules] { try? FileManager.default.removeItem(atPath: path) } }
      let file = rules + "/policies.yaml"
      try """
      policies:
        - {name: junk, scope: {label: junk}, delete_after: 1d}
        - {name: ended, scope: {tenant: true}, delete_after: 1d, clock: event, event: ended}

      """.write(toFile: file, atomically: true, encoding: .utf8)
      let home = try Home()
      try home.done(["ingest", source])
      try home.done(["retention", "set", file])
      let room = corpus.conversations[0]
      let count = corpus.of(room).count
      let label = try home.done([
        "retention", "label", "apply", "--label", "junk", "--conversation", room, "--justification", "j",
        "--dry-run",
      ]).object
      #expect(label["dry_run"]?.isTrue == true && label["preview"]?["totals"]?["due"]?.number == count)
      let event = try home.done([
        "retention", "event", "record", "ended", "--conversation", room, "--at", "2001-01-01T00:00:00Z",
        "--justification", "j", "--dry-run",
      ]).object
      #expect(event["preview"]?["totals"]?["due"]?.number == count)
      #expect(try home.done(["retention", "label", "list"]).lines.isEmpty)
      #expect(try home.done(["retention", "event", "list"]).lines.isEmpty)
      #expect(try home.done(["retention", "apply", "--dry-run"]).object["pending"]?.number == 0)
    }
  }
}
