import Model
import Search
import SearchTokens
import Testing

@Suite("A member of 20,000 conversations")
struct ManyConversationsTests {
  /// Every 40th has a message ann may read, and one from before she came.
  private static let count = 20_000

  private static var lines: [String] {
    var lines: [String] = []
    for room in 0..<count {
      lines += [Events.conversation("room\(room)"), Events.join("ann", "room\(room)", 10)]
    }
    for (second, room) in stride(from: 0, to: count, by: 40).enumerated() {
      lines.append(Events.message("old\(room)", "room\(room)", "bo", 5, "red", second: second))
    }
    for (second, room) in stride(from: 0, to: count, by: 40).enumerated() {
      lines.append(Events.message("new\(room)", "room\(room)", "bo", 11, "red", second: second))
    }
    return lines
  }

  @Test("finds, counts and ranks in all of them, and in none of what lies outside")
  func all() async throws {
    try await SearchHouse.with(publicChannels: false) { house in
      try await house.deliver(Self.lines)
      var request = try SearchRequest(ParsedQuery("red"))
      (request.limit, request.facets, request.count) = (200, [.sender, .month], .exact)
      let expected = stride(from: 0, to: Self.count, by: 40).reversed().map { "new\($0)" }
      for sort in SearchRequest.Sort.allCases {
        (request.sort, request.cursor) = (sort, nil)
        var seen: [String] = []
        repeat {
          let reply = try await house.search(request, as: "ann")
          seen += reply.hits.map(\.messageID)
          #expect(reply.matches.upper == 500 && reply.facets?.sender?.buckets.map(\.count) == [500])
          request.cursor = try reply.nextCursor.map { try Cursor(text: $0) }
        } while request.cursor != nil
        #expect(seen == expected)
      }
      #expect(try await house.find("red with:bo in:room40 in:room41", as: "ann") == ["new40"])
    }
  }
}
