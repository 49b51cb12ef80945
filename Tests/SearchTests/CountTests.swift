import Model
import Search
import SearchTokens
import Testing

@Suite("Counts of a search")
struct CountTests {
  /// 1,300 messages that ann sees, and as many before she came.
  private static func filled(_ house: SearchHouse) async throws {
    var lines = [Events.conversation("hall"), Events.join("bo", "hall", 0), Events.join("ann", "hall", 10)]
    // In order of time, as a chat is: where times jump, a search cannot know so soon that it has met the newest.
    for number in 0..<1_300 {
      lines.append(Events.message("old-\(number)", "hall", "bo", 5, "red", second: number))
    }
    for number in 0..<1_300 {
      let text = number < 7 ? "red rare" : "red"
      lines.append(Events.message("new-\(number)", "hall", "bo", 11, text, second: number))
    }
    try await house.deliver(lines)
  }

  private static func page(
    _ query: String, _ house: SearchHouse, _ count: SearchRequest.Count, cursor: Cursor? = nil
  )
    async throws -> SearchReply
  {
    var request = try SearchRequest(ParsedQuery(query))
    (request.count, request.cursor, request.limit) = (count, cursor, 50)
    return try await house.search(request, as: "ann")
  }

  @Test("Matches are counted to a thousand, or all of them where asked, on every page alike")
  func counts() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house)
      for count in SearchRequest.Count.allCases {
        var cursor: Cursor?
        for _ in 0..<3 {
          let reply = try await Self.page("red", house, count, cursor: cursor)
          #expect(reply.hits.count == 50)
          #expect(reply.matches.lower == (count == .exact ? 1_300 : 1_000))
          #expect(reply.matches.upper == (count == .exact ? 1_300 : nil))
          cursor = try Cursor(text: try #require(reply.nextCursor))
        }
        let few = try await Self.page("red rare", house, count)
        #expect(few.matches.lower == 7 && few.matches.upper == 7)
      }
    }
  }

  @Test("What is gone from the catalogue is not counted, though the index has not heard of it")
  func lag() async throws {
    try await SearchHouse.with { house in
      try await Self.filled(house)
      try await house.store([Events.delete("new-3", "hall", "bo", 12)])
      let reply = try await Self.page("rare", house, .bounded)
      #expect(reply.hits.count == 6)
      // It may have another such match elsewhere, or miss a new one.
      #expect(reply.matches.lower == 6 && reply.matches.estimate == 6 && reply.matches.upper == nil)
      // A deletion the index has not heard of hides nothing.
      #expect(reply.coverage.complete && reply.coverage.indexLagEvents == 1)
    }
  }
}
