import Foundation
import Testing

extension Scenarios {
  /// The program killed at each step of what the archive and its keys go through, and at random moments.
  @Suite struct ArchiveFaultTests {
    /// Names of `FaultPoint`, each with how often it is passed before.
    private static let sealing = [
      "seal.block", "seal.block:3", "seal.closed", "store.copied", "store.named", "seal.published",
      "archive.verified", "switch.catalogued", "switch.dropped", "archive.switched",
    ]
    private static let compacting = [
      "seal.block", "seal.closed", "store.copied", "store.named", "seal.published", "compact.verified",
      "compact.superseded", "compact.switched",
    ]
    private static let sweeping = ["store.deleted", "sweep.deleted", "sweep.forgetting"]
    private static let rotating = [
      "fileWritten", "oldLinked", "fileReplaced", "oldWiped", "epochAdded", "epochRecorded", "batchRewrapped",
      "epochRetired", "epochErased",
    ]
    private static let changingRoot = [
      "fileStaged", "fileStaged:9", "allStaged", "keyWritten", "keyReplaced", "fileAdopted", "fileAdopted:9",
      "markerAdopted",
    ]
    /// A release build has no fault points.
    private static let hasFaults = ProcessInfo.processInfo.environment["MUNIMENT_BINARY"] == nil

    @Test(
      "a kill at any step of seal, publish, switch, drop, compact and sweep loses nothing and doubles nothing",
      .enabled(if: hasFaults, "the executable is not a debug build: kills at named steps are NOT tested"))
    func archive() throws {
      let house = try FaultHouse(messages: 90)
      for step in Self.sealing {
        try house.killed(["archive", "run", "--older-than", "0d"], at: step)
        try house.home.done(["archive", "run", "--older-than", "0d"])
        try house.expectNoOrphans("after \(step)")
        try house.thaw()
      }
      for step in Self.compacting {
        try house.split()
        try house.killed(["archive", "compact"], at: step)
        try house.home.done(["archive", "compact"])
        try house.expectNoOrphans("after \(step)")
        try house.thaw()
      }
      for step in Self.sweeping {
        try house.split()
        try house.age()
        try house.killed(["archive", "compact"], at: step)
        try house.home.done(["archive", "compact"])
        try house.expectNoOrphans("after \(step)")
        try house.thaw()
      }
      try house.home.done(["archive", "run", "--older-than", "0d"])
      let segment = try #require(try house.home.done(["archive", "list"]).lines.first?["id"]?.text)
      try house.killed(["archive", "restore", segment], at: "restore.superseded")
      try house.thaw()
      try house.expectAll()
      try house.home.done(["audit", "verify"])
    }

    @Test(
      "a kill at any step of a rotation of keys, or of the root key, leaves every message readable",
      .enabled(if: hasFaults, "the executable is not a debug build: kills at named steps are NOT tested"))
    func keys() throws {
      let house = try FaultHouse(messages: 90, settings: "keys:\n  backup_window: 0d\n")
      try house.home.done(["archive", "run", "--older-than", "0d"])
      var doomed = 0
      for step in Self.rotating {
        // A destroyed key is what there is to rotate for; what is left of one killed run may be enough for the next.
        while try house.survives(["keys", "rotate"], at: "keys." + step) {
          doomed += 1
          try house.erase("stranger-\(doomed)")
        }
        try house.expectAll()
      }
      #expect(doomed > 0)
      try house.home.done(["keys", "rotate"])
      let waiting = try house.home.done(["keys", "status"]).object
      #expect(waiting["pending_destructions"]?.number == 0)
      for step in Self.changingRoot {
        try house.killed(["keys", "rotate", "--root"], at: "root." + step)
        try house.expectAll()
        try house.home.done(["keys", "rotate", "--root"])
      }
      try house.expectAll()
      try house.home.done(["archive", "verify", "--deep"])
      try house.home.done(["audit", "verify"])
    }

    @Test(
      "a kill of a repair or of a copy to the replica is made up for by the next",
      .enabled(if: hasFaults, "the executable is not a debug build: kills at named steps are NOT tested"))
    func replica() throws {
      let directory = try Scratch.make("replica")
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let house = try FaultHouse(messages: 90, settings: "archive:\n  replica: file:\(directory)\n")
      try house.home.done(["archive", "run", "--older-than", "0d"])
      for step in ["store.copied", "store.named", "replica.copied"] {
        try house.killed(["archive", "replicate"], at: step)
        #expect(try house.home.done(["archive", "replicate"]).object["segments"]?.number == 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0 != "owner" }
        #expect(names.count == 1 && names.allSatisfy { $0.hasSuffix(".mseg") }, "\(names)")
        for name in names { try FileManager.default.removeItem(atPath: directory + "/" + name) }
      }
      try house.home.done(["archive", "replicate"])
      for step in ["store.deleted", "repair.deleted", "store.copied", "store.named"] {
        let name = try #require(try house.home.files(in: "segments").first { $0.hasSuffix(".mseg") })
        let path = URL(fileURLWithPath: house.home.path + "/segments/" + name)
        var bytes = try Data(contentsOf: path)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: path)
        try house.home.done(["archive", "verify"], status: 5)
        try house.killed(["archive", "verify", "--repair"], at: step)
        try house.home.done(["archive", "verify", "--repair"])
        try house.home.done(["archive", "run", "--older-than", "0d"])
        try house.expectNoOrphans("after \(step)")
      }
      try house.expectAll()
      try house.home.done(["audit", "verify"])
    }

    @Test(
      "a kill at any step of the end of a month leaves it whole or ended, and the next run ends it",
      .enabled(if: hasFaults, "the executable is not a debug build: kills at named steps are NOT tested"))
    func ending() throws {
      let directory = try Scratch.make("policies")
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let policies = directory + "/all.json"
      try #"{"policies":[{"name":"all","scope":{"tenant":true},"delete_after":"1d"}]}"#
        .write(toFile: policies, atomically: true, encoding: .utf8)
      for step in ["period.ending", "period.ended"] {
        let home = try FaultHouse(messages: 30, settings: "retention:\n  grace: 0d\n").home
        try home.done(["archive", "run", "--older-than", "0d"])
        try home.done(["retention", "set", policies])
        let killed = try Run(["retention", "apply", "--json"], home: home.path, fault: step).finish()
        #expect(killed.status == nil, "retention apply does not come to \(step)")
        // What a killed holder held runs out by itself, after half a minute.
        _ = try home.count("WITH d AS (DELETE FROM lease RETURNING 1) SELECT count(*) FROM d")
        let there = """
          SELECT (SELECT count(*) FROM wrapped_key WHERE kind = 3)
            + (SELECT count(*) FROM segment WHERE superseded_at IS NULL)
          """
        #expect(try home.count(there) == (step == "period.ended" ? 0 : 2), "after \(step)")
        let next = try home.done(["retention", "apply"]).object
        #expect(next["deleted"]?.number == 0)
        #expect(try home.count(there) == 0)
        #expect(try home.done(["keys", "status"]).object["pending_destructions"]?.number == 1)
        try home.done(["archive", "compact"])
        #expect(try home.done(["archive", "verify", "--deep"]).object["damaged"]?.number == 0)
        try home.done(["audit", "verify"])
      }
    }

    @Test("random kills of everything that touches the archive or its keys lose nothing and double nothing")
    func random() throws {
      var random = SeededGenerator("archive and keys killed")
      let house = try FaultHouse(messages: Program.isSlow ? 400 : 90)
      let kills = Program.isSlow ? 200 : 8
      let commands = [
        ["archive", "run", "--before", house.middle], ["archive", "run", "--older-than", "0d"],
        ["archive", "compact"], ["keys", "rotate"], ["keys", "rotate", "--root"],
      ]
      var (hit, tries) = (0, 0)
      var spans = Dictionary(uniqueKeysWithValues: commands.map { ($0, 2 * house.home.startSeconds) })
      while hit < kills, tries < 4 * kills {
        tries += 1
        let words = commands.randomElement(using: &random)!
        let moment = spans[words]! * Double.random(in: 0.15...1.05, using: &random)
        let outcome = try house.home.start(words + ["--json"]).kill(afterSeconds: moment)
        if outcome.status == nil { hit += 1 }
        spans[words] = outcome.status == nil ? spans[words]! * 1.2 : max(outcome.seconds, 0.05)
        try house.expectEverythingNamed("\(words) killed after \(moment) s")
        guard tries % 8 == 0 else { continue }
        try house.home.done(["archive", "run", "--older-than", "0d"])
        try house.expectNoOrphans("after \(tries) tries")
        try house.expectAll()
        try house.thaw()
      }
      note("  archive and keys: killed \(hit) times in \(tries) tries")
      #expect(hit >= kills / 2)
      try house.home.done(["archive", "run", "--older-than", "0d"])
      try house.home.done(["archive", "compact"])
      try house.expectNoOrphans("at the end")
      try house.expectAll()
      try house.home.done(["archive", "verify", "--deep"])
      try house.home.done(["audit", "verify"])
    }
  }
}
