import Catalog
import History
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import Testing

/// Messages are read for the index no more than fit a bound.
@Suite("Portions of messages")
struct PortionTests {
  private static let rooms = ["a", "b", "c", "d"]

  /// Four rooms with ten messages of a few thousand bytes each.
  private static func filled(_ house: SearchHouse, _ mark: String) async throws {
    let words = (0..<200).map { "word\($0)" }.joined(separator: " ")
    try await house.store(rooms.flatMap { [Events.conversation($0), Events.join("ann", $0, 0)] })
    try await house.store(
      (0..<40).map { number in
        Events.message(
          "\(mark)\(number)", rooms[number % 4], "ann", 1, "\(words) \(mark)own\(number)", second: number)
      })
  }

  private static func locators(_ house: SearchHouse) async throws -> [Locator] {
    let tenant = house.tenant.id
    return try await house.application.database.transaction { tx in
      try Locators.scan(tenant: tenant, states: [.live], after: nil, limit: 1_000, in: tx)
    }
  }

  /// Reads all of them; returns the ids by portion.
  private static func portions(_ house: SearchHouse, _ bytesMax: Int) async throws -> [[String]] {
    var rest = try await locators(house)
    var portions: [[String]] = []
    while let first = rest.first {
      let portion = try await house.application.history.portion(of: rest, bytesMax: bytesMax)
      #expect(portion.damaged.isEmpty)
      #expect(portion.messages.contains { $0.locator.key == first.key }, "the first is not left")
      portions.append(portion.messages.map(\.original.messageID))
      rest = portion.rest(of: rest)
    }
    return portions
  }

  @Test("hold what fits, the first at least, and together each message once, hot, archived or both")
  func bounds() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house, "old")
      let old = (0..<40).map { "old\($0)" }
      #expect(try await Self.portions(house, 1).map(\.count) == [Int](repeating: 1, count: 40))
      let some = try await Self.portions(house, 10_000)
      #expect(some.allSatisfy { (2...8).contains($0.count) } && some.joined().sorted() == old.sorted())
      #expect(try await Self.portions(house, 16 << 20).map { $0.sorted() } == [old.sorted()])
      try await house.archive()
      // A block of a room at a time is the least.
      #expect(try await Self.portions(house, 1).map(\.count) == [10, 10, 10, 10])
      #expect(try await Self.portions(house, 16 << 20).map { $0.sorted() } == [old.sorted()])
      try await Self.filled(house, "new")
      let all = (old + (0..<40).map { "new\($0)" }).sorted()
      for bytesMax in [1, 10_000, 100_000, 16 << 20] {
        #expect(try await Self.portions(house, bytesMax).joined().sorted() == all, "\(bytesMax)")
      }
    }
  }

  @Test("count what is opened, not only what is stored, and changes with their messages")
  func opened() async throws {
    try await SearchHouse.with { house in
      // Stored, it is nearly nothing.
      let long = String(repeating: "a", count: 100_000)
      try await house.store([Events.conversation("a"), Events.join("ann", "a", 0)])
      try await house.store(
        (0..<6).map { number in
          #"{"type":"message.created","message_id":"m\#(number)","conversation_id":"a","sender_id":"ann","#
            + #""created_at":"\#(Events.time(1, number))","body":{"plain":"\#(long)"}}"#
        })
      #expect(try await Self.portions(house, 250_000).map(\.count) == [3, 3])
    }
    try await SearchHouse.with { house in
      try await house.store([Events.conversation("a"), Events.join("ann", "a", 0)])
      try await house.store((0..<6).map { Events.message("m\($0)", "a", "ann", 1, "hi", second: $0) })
      #expect(try await Self.portions(house, 1_000).map(\.count) == [6])
      let words = (1...400).map { String(UInt32($0) &* 2_654_435_761, radix: 36) }.joined(separator: " ")
      try await house.store((0..<6).map { Events.edit("m\($0)", "a", "ann", 2, version: 1, words) })
      #expect(try await Self.portions(house, 1_000).map(\.count) == [Int](repeating: 1, count: 6))
    }
  }

  @Test("make the same index, whatever their size, and the same comparison with it")
  func index() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house, "old")
      try await house.archive()
      try await Self.filled(house, "new")
      try await house.store([
        Events.edit("old3", "d", "ann", 3, version: 1, "changed"), Events.delete("new4", "a", "ann", 3),
      ])
      let application = house.application
      func indexer(_ readBytes: Int) -> Indexer {
        var limits = IndexingLimits()
        limits.readBytes = readBytes
        return Indexer(
          database: application.database, history: application.history, index: application.index,
          groups: application.settings.indexGroups, limits: limits, now: Application.clock)
      }
      func fingerprints() async throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        for group in 0..<application.settings.indexGroups {
          all.append(try await application.index.fingerprint(group: group))
        }
        return all
      }
      try await indexer(5_000).catchUp()
      let narrow = try await fingerprints()
      #expect(try await house.find("word7", as: "ann") { $0.limit = 200 }.count == 78)
      #expect(try await house.find("changed", as: "ann") == ["old3"])
      _ = try await indexer(16 << 20).rebuild()
      #expect(try await fingerprints() == narrow)
      let comparison = try await indexer(5_000).reconcile(deep: true)
      #expect(comparison.isClean && comparison.compared > 0)
    }
  }
}
