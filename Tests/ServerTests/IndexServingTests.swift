import Catalog
import Foundation
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import Server
import ServiceLifecycle
import Testing

@Suite("The index under a running service")
struct IndexServingTests {
  /// So long only a machine that does nothing else for minutes would take.
  private static let limit = Duration.seconds(60)

  /// Asks until the answer is yes.
  private func wait(_ what: Comment, until isSo: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + Self.limit
    while try await !isSo() {
      try #require(ContinuousClock.now < end, what)
      await Task.yield()
    }
  }

  @Test(
    "A message that was posted is found through HTTP by itself, and the settings keep that within two seconds"
  )
  func nearRealTime() async throws {
    let house = try await ServedHouse.shared
    let settings = house.application.settings
    #expect(settings.indexPoll + settings.indexing.time < .seconds(2))
    #expect(try await house.deliver("near-real-time", texts: ["quetzalcoatlus overhead"]).status == 200)
    let start = ContinuousClock.now
    let token = try house.token([.member])
    try await wait("the message is not found") {
      let found = try await house.ask("GET", "/v1/search/messages?q=quetzalcoatlus", token: token)
      #expect(found.status == 200)
      return (found.json["hits"] as? [Any])?.count == 1
    }
    print("  found \(ContinuousClock.now - start) after it was stored")
  }

  @Test("Whoever else stores messages leaves them to the service that follows the feed, and does not fail")
  func handOver() async throws {
    let house = try await ServedHouse.open()
    try await wait("nobody follows the feed") { try await house.application.isFeedFollowed() }
    let other = try await Application.open(house.application.settings)
    #expect(try await house.deliver("handed-over", texts: ["megatherium"]).status == 200)
    #expect(try await other.followFeedPatiently())
    #expect(try await other.indexer.lag().values.allSatisfy { $0 == 0 })
    await other.close()
    try await stop(house)
  }

  @Test("A damaged group is rebuilt by the service itself, and nothing else is")
  func selfHealing() async throws {
    let house = try await ServedHouse.open()
    #expect(try await house.deliver("healed", texts: ["glyptodon", "dinornis"]).status == 200)
    let indexer = house.application.indexer
    try await wait("the messages are not indexed") {
      try await indexer.status().reduce(0) { $0 + $1.documents } == 2
    }
    let held = try #require(try await indexer.status().first { $0.documents == 2 })
    let sound = try await house.application.index.fingerprint(group: held.group)
    let list = house.application.settings.home + "/index/group-0\(held.group)/CURRENT"
    try "no generation at all".write(toFile: list, atomically: true, encoding: .utf8)
    #expect(try await !house.application.checkFiles(group: held.group).isEmpty)
    #expect(try await house.application.problems().map(\.code) == ["index_damaged"])
    try await wait("the group is not rebuilt") { try await house.application.problems().isEmpty }
    #expect(try await house.application.index.fingerprint(group: held.group) == sound)
    try await stop(house)
  }

  @Test("A group that was noted as damaged, and whose files are sound, is not rebuilt")
  func soundFiles() async throws {
    let house = try await ServedHouse.open()
    #expect(try await house.deliver("noted", texts: ["doedicurus"]).status == 200)
    let application = house.application
    try await wait("the message is not indexed") {
      try await application.indexer.status().reduce(0) { $0 + $1.documents } == 1
    }
    let held = try #require(try await application.indexer.status().first { $0.documents == 1 }).group
    let list = application.settings.home + "/index/group-0\(held)/CURRENT"
    let generations = try String(contentsOfFile: list, encoding: .utf8)
    for sighting in IndexSighting.allCases {
      let isNew = try await application.database.transaction { tx in
        try IndexChecks.note(sighting, group: held, at: Application.clock(), in: tx)
      }
      #expect(isNew)
      try await wait("the note stays") { try await application.problems().isEmpty }
    }
    #expect(try String(contentsOfFile: list, encoding: .utf8) == generations)
    try await stop(house)
  }

  @Test("What is noted again and again is looked at once in a while; what cannot be written to is rebuilt")
  func notes() {
    let (notes, start) = (DamageNotes(), ContinuousClock.now)
    let later = start + DamageNotes.pause
    for sighting in [IndexSighting.unreadable, .unwritable, nil] {
      #expect(notes.answer(to: sighting, group: 0, at: start) == .check)
      notes.record(.foundSound, of: sighting, group: 0, at: start)
      #expect(notes.answer(to: sighting, group: 1, at: start) == .check)
      #expect(notes.answer(to: sighting, group: 0, at: later) == .check)
    }
    #expect(notes.answer(to: .unreadable, group: 0, at: later - .seconds(1)) == .wait)
    #expect(notes.answer(to: .unwritable, group: 0, at: later - .seconds(1)) == .rebuild)
    #expect(notes.answer(to: nil, group: 0, at: later - .seconds(1)) == .check)
    for sighting in [IndexSighting.unreadable, .unwritable, nil] {
      notes.record(.rebuilt, of: sighting, group: 0, at: start)
      #expect(notes.answer(to: sighting, group: 0, at: later - .seconds(1)) == .wait)
      #expect(notes.answer(to: sighting, group: 0, at: later) == .check)
    }
  }

  @Test("That a group cannot be written to is news where it cannot be read, not the other way round")
  func sightings() async throws {
    let application = try await ServedHouse.openHome()
    func note(_ sighting: IndexSighting) async throws -> Bool {
      try await application.database.transaction { tx in
        try IndexChecks.note(sighting, group: 0, at: Application.clock(), in: tx)
      }
    }
    func noted() async throws -> [IndexSighting?] {
      try await application.database.read { tx in try IndexChecks.all(in: tx).map(\.sighting) }
    }
    #expect(try await note(.unreadable))
    #expect(try await !note(.unreadable))
    #expect(try await noted() == [.unreadable])
    #expect(try await note(.unwritable))
    for sighting in IndexSighting.allCases { #expect(try await !note(sighting)) }
    #expect(try await noted() == [.unwritable])
    await application.close()
  }

  @Test("An export by query that comes by damage is asked to come back, and finds it repaired")
  func exportByQuery() async throws {
    let house = try await ServedHouse.open()
    #expect(try await house.deliver("exported", texts: ["glyptodon", "dinornis"]).status == 200)
    let indexer = house.application.indexer
    try await wait("the messages are not indexed") {
      try await indexer.status().reduce(0) { $0 + $1.documents } == 2
    }
    let held = try #require(try await indexer.status().first { $0.documents == 2 })
    let list = house.application.settings.home + "/index/group-0\(held.group)/CURRENT"
    func export() async throws -> ServedHouse.Answer {
      try await house.ask(
        "POST", "/v1/exports", token: house.token([.compliance], as: "counsel"),
        json: #"{"formats":["jsonl"],"query":"dinornis"}"#)
    }
    var refused = try await export()
    // The follower of the feed may come by the damage first, and be quicker.
    try await wait("no export comes by the damage") {
      try "no generation at all".write(toFile: list, atomically: true, encoding: .utf8)
      refused = try await export()
      return refused.status != 201
    }
    #expect((refused.status, refused.code) == (503, "index_damaged"), "\(refused.text)")
    #expect(refused.header("Retry-After") == "60")
    try await wait("the group is not rebuilt") { try await house.application.problems().isEmpty }
    let made = try await export()
    #expect(made.status == 201, "\(made.text)")
    #expect((made.json["counts"] as? [String: Any])?["messages"] as? Int == 1, "\(made.text)")
    try await stop(house)
  }

  @Test("A runner that lost the right to follow the feed writes nothing more")
  func fencing() async throws {
    let house = try await IndexHouse()
    try await house.store([IndexHouse.message("m", in: "c", second: 1, ["x"])])
    let application = house.application
    try await application.holding("indexer", takingOverFromDead: false) { lease in
      try await application.database.transaction { tx in
        try tx.execute("UPDATE lease SET fencing = fencing + 1 WHERE name = 'indexer'")
      }
      await #expect(throws: IndexLeaseLost.self) { try await application.indexer.catchUp(lease: lease) }
    }
    #expect(try await house.count("x") == 0)
    await application.close()
  }

  private func stop(_ house: ServedHouse) async throws {
    await house.group.triggerGracefulShutdown()
    try await house.running.value
    await house.application.close()
  }
}
