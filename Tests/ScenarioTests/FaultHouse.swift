import Foundation
import Testing

/// A home whose messages all lie in one month, and what must hold of it whatever was killed.
final class FaultHouse {
  let home: Home
  private let corpus: Corpus
  private let histories: [String: [JSON]]
  /// A time with messages before and after it.
  let middle: String

  init(messages: Int, settings: String = "") throws {
    home = try Home(settings: settings)
    var corpus = Corpus(messages: messages)
    let start = 1_612_137_600  // 2021-02-01
    for index in corpus.lines.indices { corpus.lines[index].createdAt = Corpus.time(start + 600 * index) }
    self.corpus = corpus
    middle = Corpus.time(start + 300 * messages)
    let source = try corpus.write()
    defer { try? FileManager.default.removeItem(atPath: source) }
    try home.done(["ingest", source])
    histories = try home.histories(of: corpus)
  }

  /// Runs the command, which ends itself at a step, and checks what it leaves.
  func killed(_ words: [String], at step: String) throws {
    let isAlive = try survives(words, at: step)
    #expect(!isAlive, "\(words.joined(separator: " ")) does not come to \(step)")
  }

  /// As ``killed(_:at:)``; whether the command did not come to the step.
  func survives(_ words: [String], at step: String) throws -> Bool {
    let outcome = try Run(words + ["--json"], home: home.path, fault: step).finish()
    if let status = outcome.status { #expect(status == 0, "\(outcome.failure)") }
    try expectEverythingNamed("\(words.joined(separator: " ")) killed at \(step)")
    return outcome.status != nil
  }

  /// That each message is in one place, and that what lies around is in the catalogue or among the orphans.
  func expectEverythingNamed(_ what: String) throws {
    // What a killed holder held runs out by itself, after half a minute.
    _ = try home.count("WITH d AS (DELETE FROM lease RETURNING 1) SELECT count(*) FROM d")
    let hot = try home.count("SELECT count(*) FROM message")
    let cold = try home.count(
      "SELECT coalesce(sum(message_count), 0) FROM segment WHERE superseded_at IS NULL")
    #expect(hot + cold == corpus.lines.count, "\(what): \(hot) hot, \(cold) cold")
    let orphans = try home.done(["archive", "list", "--orphans"]).lines
    for orphan in orphans { #expect(orphan["age_seconds"]?.number != nil) }
    let named = Set(orphans.compactMap { $0["name"]?.text })
    for file in try strays() { #expect(named.contains(file), "\(what): nothing names \(file)") }
    #expect(try strays().count == named.count, "\(what)")
  }

  func expectNoOrphans(_ what: String) throws {
    #expect(try home.done(["archive", "list", "--orphans"]).lines.isEmpty, "\(what)")
    #expect(try strays() == [], "\(what)")
    #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0, "\(what)")
  }

  /// Files of the store and half-written ones that the catalogue does not know, replaced segments included.
  private func strays() throws -> [String] {
    let files = try home.files(in: "segments").filter { $0 != "owner" }
    let strays = try files.filter { file in
      let parts = file.split(separator: ".")
      guard parts.count == 2 else { return true }
      return try home.count("SELECT count(*) FROM segment WHERE segment_id = '\(parts[0])'") == 0
    }
    return try strays + home.files(in: "scratch")
  }

  /// That every conversation reads as it did at first.
  func expectAll() throws { #expect(try home.histories(of: corpus) == histories) }

  /// Brings everything back into the hot tables.
  func thaw() throws {
    for segment in try home.done(["archive", "list"]).lines.compactMap({ $0["id"]?.text }) {
      try home.done(["archive", "restore", segment])
    }
    #expect(try home.count("SELECT count(*) FROM message") == corpus.lines.count)
  }

  /// Two segments of one month, which compaction merges.
  func split() throws {
    try home.done(["archive", "run", "--before", middle])
    try home.done(["archive", "run", "--older-than", "0d"])
    #expect(try home.count("SELECT count(*) FROM segment WHERE superseded_at IS NULL") == 2)
  }

  /// Makes replaced segments older than the time they are left to their last readers.
  func age() throws {
    _ = try home.count(
      """
      WITH u AS (UPDATE segment SET superseded_at = superseded_at - interval '1 hour'
        WHERE superseded_at IS NOT NULL RETURNING 1) SELECT count(*) FROM u
      """)
  }

  /// Destroys keys of somebody of whom there is nothing.
  func erase(_ subject: String) throws {
    let asked = try home.done(["erase", "request", "--subject", subject, "--reason", "wish"]).object
    let id = try #require(asked["id"]?.text)
    for verb in ["plan", "approve", "run"] { try home.done(["erase", verb, id]) }
  }
}
