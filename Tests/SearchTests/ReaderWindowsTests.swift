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

  @Test("hold until a channel opens or closes, where public ones are open to all")
  func channels() async throws {
    try await SearchHouse.with { house in
      let other = try await Self.other(house)
      let shown = ["open", "shut"].map {
        Events.conversation($0, kind: "channel", visibility: $0 == "open" ? "public" : "private")
      }
      try await house.deliver(
        shown + ["open", "shut"].map { Events.message("\($0)1", $0, "bo", 10, "red") }
          + [Events.conversation("own"), Events.join("ann", "own", 5)])
      #expect(try await house.find("red", as: "ann") == ["open1"])
      #expect(try await house.find("red", as: "ann") == ["open1"])
      try await other.store([Events.conversation("shut", kind: "channel", visibility: "public")])
      #expect(try await Set(house.find("red", as: "ann")) == ["open1", "shut1"])
      try await other.store([Events.conversation("open", kind: "channel", visibility: "private")])
      #expect(try await house.find("red", as: "ann") == ["shut1"])
      try await other.store([
        Events.conversation("new", kind: "channel", visibility: "public"),
        Events.message("new1", "new", "bo", 20, "red"),
      ])
      try await house.application.indexer.catchUp()
      #expect(try await Set(house.find("red", as: "ann")) == ["new1", "shut1"])
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
