import Catalog
import Erasure
import Foundation
import History
import Model
import Runtime
import Search
import SearchTokens
import Testing

@Suite("Filters of a search")
struct FilterTests {
  /// Ann is in both rooms. Bo came to the second after ann had left it; cy was there with ann, and writes in the
  /// channel without being in it.
  private static let rooms =
    [
      Events.conversation("one"), Events.conversation("two"), Events.conversation("apart"),
      Events.conversation("open", kind: "channel", visibility: "public"),
      Events.join("ann", "one", 0), Events.join("bo", "one", 5), Events.join("ann", "two", 0),
      Events.join("cy", "two", 0), Events.leave("ann", "two", 10), Events.join("bo", "two", 10, from: 0),
      Events.join("bo", "apart", 0), Events.join("dee", "apart", 0),
    ]
    + [
      Events.message("one-1", "one", "ann", 1, "red"), Events.message("one-2", "one", "bo", 6, "red"),
      Events.message("two-1", "two", "cy", 1, "red"), Events.message("two-2", "two", "bo", 11, "red"),
      Events.message("apart-1", "apart", "dee", 1, "red"), Events.message("open-1", "open", "cy", 1, "red"),
    ]

  @Test("with: finds where the reader can see that somebody is or was, and tells nothing of anybody else")
  func with() async throws {
    try await SearchHouse.with { house in
      try await house.deliver(Self.rooms)
      #expect(try await house.find("red", as: "ann") == ["one-1", "one-2", "open-1", "two-1"])
      #expect(try await house.find("red with:bo", as: "ann") == ["one-1", "one-2"])
      #expect(try await house.find("red with:cy", as: "ann") == ["open-1", "two-1"])
      #expect(try await house.find("red with:cy with:bo", as: "ann") == [])
      #expect(try await house.find("with:bo in:two", as: "ann") == [])
      #expect(try await house.find("red with:ann with:cy", as: "cy") == ["two-1", "two-2"])
      for name in ["dee", "nobody"] {
        var request = try SearchRequest(ParsedQuery("red with:\(name)"))
        request.limit = 1
        let reply = try await house.search(request, as: "ann")
        #expect(reply.hits.isEmpty && reply.nextCursor == nil && reply.matches.estimate == 0)
        #expect(reply.coverage.complete)
      }
      #expect(try await house.find("red with:cy", as: nil) == ["open-1", "two-1", "two-2"])
      let many = try ParsedQuery((0...SearchRequest.withMax).map { "with:s\($0)" }.joined(separator: " "))
      #expect(throws: SearchError.self) { try SearchRequest(many) }
    }
  }

  @Test("Whoever and whatever the reader may not know of is answered in every part like what is not there")
  func unknown() async throws {
    try await SearchHouse.with { house in
      try await house.deliver(Self.rooms)
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      func reply(_ request: SearchRequest, _ sort: SearchRequest.Sort) async throws -> String {
        var request = request
        (request.sort, request.facets) = (sort, Set(SearchRequest.Facet.allCases))
        return String(decoding: try encoder.encode(try await house.search(request, as: "ann")), as: UTF8.self)
      }
      func blinded(_ rooms: [String]) -> SearchRequest {
        SearchRequest(
          query: .blinded(
            rooms.map {
              SearchRequest.BlindedSet(conversationID: $0, generation: 1, tree: .term("AAECAwQFBgA"))
            }))
      }
      for sort in SearchRequest.Sort.allCases {
        for filter in ["from", "with", "in"] {
          let (hidden, absent) = filter == "in" ? ("apart", "absent") : ("dee", "nobody")
          let asked = try await reply(SearchRequest(ParsedQuery("red \(filter):\(hidden)")), sort)
          let nothing = try await reply(SearchRequest(ParsedQuery("red \(filter):\(absent)")), sort)
          #expect(asked == nothing)
        }
        for others in [[], ["one"]] {
          let asked = try await reply(blinded(others + ["apart"]), sort)
          #expect(try await asked == reply(blinded(others + ["absent"]), sort))
        }
      }
    }
  }

  @Test("A tree's prefix has as many letters as one of the query language")
  func shortPrefix() async throws {
    try await SearchHouse.with { house in
      try await house.deliver(Self.rooms)
      func found(_ start: String) async throws -> Int {
        try await house.search(
          SearchRequest(query: .plain(.any([.term("blue"), .all([.prefix(start)])]))), as: "ann"
        ).hits.count
      }
      #expect(try await found("red") == 4)
      await #expect { _ = try await found("re") } throws: { ($0 as? SearchError)?.code == .badQuery }
    }
  }

  @Test("has:reaction holds while somebody reacts, in hot and cold, and ends with the reaction or the person")
  func reactions() async throws {
    try await SearchHouse.with { house in
      try await house.deliver(
        Self.rooms + [
          Events.reaction("added", "one-1", "one", "bo", 7),
          Events.reaction("added", "one-2", "one", "ann", 7),
          Events.reaction("added", "late", "one", "bo", 7),
          Events.message("two-3", "two", "cy", 2, "red", flags: ["reaction", "edited"]),
        ])
      #expect(try await house.find("has:reaction", as: "ann") == ["one-1", "one-2"])
      #expect(try await house.find("is:edited", as: "ann") == [])
      try await house.archive()
      #expect(try await house.find("has:reaction red", as: "ann") == ["one-1", "one-2"])
      try await house.deliver([
        Events.message("late", "one", "ann", 3, "red"), Events.reaction("removed", "one-2", "one", "ann", 8),
        Events.reaction("added", "two-1", "two", "cy", 8),
      ])
      #expect(try await house.find("has:reaction", as: "ann") == ["late", "one-1", "two-1"])
      let erasure = house.application.erasure(house.application.directory(house.tenant))
      let row = try await erasure.request(subject: "bo", reason: "asked", actor: "dpo")
      _ = try await erasure.plan(row.id)
      try await erasure.approve(row.id, actor: "second")
      _ = try await erasure.run(row.id, actor: "dpo")
      try await house.application.indexer.catchUp()
      #expect(try await house.find("has:reaction", as: "ann") == ["two-1"])
      #expect(try await house.application.compareIndex(deep: true, healing: false).differences.isEmpty)
    }
  }

  @Test("A thread is found by its id, within what the reader may see")
  func threads() async throws {
    try await SearchHouse.with { house in
      try await house.deliver(
        Self.rooms + [
          Events.message("t-1", "one", "ann", 2, "red", more: #","thread_id":"one-1""#),
          Events.message("t-2", "one", "bo", 6, "blue", more: #","thread_id":"one-1""#),
          Events.message("t-3", "two", "bo", 12, "blue", more: #","thread_id":"two-1""#),
        ])
      for _ in 0..<2 {
        #expect(try await house.find("", as: "ann") { $0.threadID = "one-1" } == ["t-1", "t-2"])
        #expect(try await house.find("blue", as: "ann") { $0.threadID = "one-1" } == ["t-2"])
        #expect(try await house.find("", as: "ann") { $0.threadID = "two-1" } == [])
        #expect(try await house.find("", as: "cy") { $0.threadID = "two-1" } == ["t-3"])
        #expect(try await house.find("", as: "ann") { $0.threadID = "absent" } == [])
        try await house.archive()
      }
    }
  }
}
