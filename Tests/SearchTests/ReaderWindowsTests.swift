import Catalog
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Testing

@Suite("Windows that are kept between searches")
struct ReaderWindowsTests {
  /// Another process on the same home.
  private static func other(_ house: SearchHouse) async throws -> SearchHouse {
    SearchHouse(application: try await Application.open(house.application.settings), tenant: house.tenant)
  }

  @Test("hold until a membership changes, whoever changes it")
  func changes() async throws {
    try await SearchHouse.with(publicChannels: false) { house in
      let other = try await Self.other(house)
      try await house.deliver(
        ["a", "b"].flatMap { room in
          [Events.conversation(room)]
            + (1...4).map { Events.message("\(room)\($0)", room, "bo", $0 * 10, "red") }
        } + [Events.join("ann", "a", 15)])
      #expect(try await house.find("red", as: "ann") == ["a2", "a3", "a4"])
      #expect(try await house.find("red", as: "ann") == ["a2", "a3", "a4"])
      try await other.store([Events.join("ann", "b", 25)])
      #expect(try await house.find("red", as: "ann") == ["a2", "a3", "a4", "b3", "b4"])
      try await other.store([Events.leave("ann", "a", 35)])
      #expect(try await house.find("red", as: "ann") == ["a2", "a3", "b3", "b4"])
      // Somebody else's changes are none of hers.
      try await other.store([Events.join("cy", "a", 5), Events.join("ann", "b", 25)])
      #expect(try await house.find("red", as: "ann") == ["a2", "a3", "b3", "b4"])
      #expect(try await house.find("red", as: "cy") == ["a1", "a2", "a3", "a4"])
      #expect(try await house.find("red in:b", as: "ann") == ["b3", "b4"])
      await other.application.close()
    }
  }

  @Test("are gone with an erased member, and do not come back with another one")
  func erased() async throws {
    try await SearchHouse.with(publicChannels: false) { house in
      try await house.deliver([
        Events.conversation("a"), Events.message("a1", "a", "bo", 10, "red"), Events.join("ann", "a", 5),
      ])
      #expect(try await house.find("red", as: "ann") == ["a1"])
      let reader = try await house.reader("ann")
      guard case .member(let subject) = reader else { throw HouseError("no member") }
      try await house.application.database.transaction { tx in
        _ = try Memberships.removeAll(of: subject, at: Application.clock(), in: tx)
      }
      #expect(try await house.find("red", as: "ann") == [])
      try await house.store([Events.join("ann", "a", 20), Events.message("a2", "a", "bo", 30, "red")])
      try await house.application.indexer.catchUp()
      #expect(try await house.find("red", as: "ann") == ["a2"])
    }
  }
}
