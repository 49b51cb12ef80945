import Model
import Runtime
import Search
import SearchIndex
import SearchTokens
import Testing

@Suite("Search by relevance")
struct RelevanceTests {
  private static let room = [
    Events.conversation("hall"), Events.conversation("apart"), Events.join("ann", "hall", 0),
    Events.join("bo", "hall", 0), Events.join("bo", "apart", 0),
  ]

  private static func request(_ query: String, limit: Int = 50) throws -> SearchRequest {
    var request = try SearchRequest(ParsedQuery(query))
    (request.sort, request.limit) = (.relevance, limit)
    return request
  }

  private static func filled(_ house: SearchHouse) async throws {
    var lines = room
    for number in 0..<60 {
      let text = number == 7 ? "stone rare" : number % 9 == 0 ? "stone stone" : "stone"
      lines.append(Events.message("h\(number)", "hall", "bo", 1 + number, text))
      lines.append(Events.message("a\(number)", "apart", "bo", 1 + number, "rare"))
    }
    try await house.deliver(lines)
  }

  @Test("What is rare to the reader comes first, then what is often in the text, then the newer")
  func order() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house)
      let reply = try await house.search(Self.request("stone OR rare", limit: 9), as: "ann")
      #expect(
        reply.hits.map(\.messageID) == ["h7", "h54", "h45", "h36", "h27", "h18", "h9", "h0", "h59"])
      #expect(reply.ranking == SearchReply.Ranking(ranked: 60, complete: true))
      #expect(reply.hits.allSatisfy { $0.score ?? 0 > 0 })
      // Messages that ann may not read change nothing, not even the score.
      let more = (0..<30).map { Events.message("more\($0)", "apart", "bo", 70, "stone", second: $0) }
      try await house.deliver(more)
      let again = try await house.search(Self.request("stone OR rare", limit: 9), as: "ann")
      #expect(again.hits == reply.hits)
    }
  }

  @Test("Of a word with * all that begin so count alike, however many they are")
  func broad() async throws {
    try await SearchHouse.with { house in
      let lines = (1_000..<2_100).map { Events.message("h\($0)", "hall", "bo", 1, "stone\($0)", second: $0) }
      try await house.deliver(Self.room + lines)
      let reply = try await house.search(Self.request("stone*", limit: 200), as: "ann")
      #expect(reply.hits.count == 200)
      #expect(Set(reply.hits.map(\.score)).count == 1)
      #expect(reply.ranking == SearchReply.Ranking(ranked: 1_100, complete: true))
    }
  }

  @Test("Pages go on where they ended, whatever arrives, goes or is sealed meanwhile")
  func pages() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house)
      let whole = try await house.search(Self.request("stone OR rare", limit: 200), as: "ann").hits
      var request = try Self.request("stone OR rare", limit: 7)
      var seen: [String] = []
      for round in 0..<20 {
        let reply = try await house.search(request, as: "ann")
        seen += reply.hits.map(\.messageID)
        guard let next = reply.nextCursor else { break }
        request.cursor = try Cursor(text: next)
        try await house.deliver([
          Events.message("new\(round)", "hall", "bo", 80 + round, "rare rare rare stone")
        ])
        for group in 0..<2 { try await house.application.index.compact(group: group) }
      }
      #expect(seen == whole.map(\.messageID))
      #expect(Set(seen).count == 60)
      request.sort = .newest
      await #expect(throws: SearchError.self) { try await house.search(request, as: "ann") }
      var other = try Self.request("stone")
      other.cursor = request.cursor
      await #expect(throws: SearchError.self) { try await house.search(other, as: "ann") }
    }
  }

  @Test("Blinded tokens are ranked as words are, across conversations with keys of their own")
  func blinded() async throws {
    try await SearchHouse.with { house in
      let (stone, rare) = (["AAECAwQFBgA", "AAECAwQFBgE"], ["AAECAwQFBgI", "AAECAwQFBgM"])
      var lines = Self.room + [Events.join("ann", "apart", 0)]
      for (room, key) in [("hall", 0), ("apart", 1)] {
        for number in 0..<10 {
          let tokens = number == 4 && key == 0 ? [stone[key], rare[key]] : [stone[key]]
          lines.append(Events.blinded("\(room)\(number)", room, "bo", 1 + number + key, tokens))
        }
      }
      try await house.deliver(lines)
      let sets = [("hall", 0), ("apart", 1)].map { room, key in
        SearchRequest.BlindedSet(
          conversationID: room, generation: 1, tree: .any([.term(stone[key]), .term(rare[key])]))
      }
      var request = SearchRequest(query: .blinded(sets))
      (request.sort, request.limit) = (.relevance, 3)
      let reply = try await house.search(request, as: "ann")
      #expect(reply.hits.map(\.messageID).first == "hall4")
      #expect(reply.hits.map(\.messageID).dropFirst().first == "apart9")
      #expect(reply.matches.upper == 20)
    }
  }
}
