import Model
import Search
import SearchTokens
import Testing

@Suite("Facets of a search")
struct FacetTests {
  @Test("Only the largest are named, the others are counted together, and nothing beyond the windows is")
  func bounded() async throws {
    try await SearchHouse.with { house in
      var lines: [String] = []
      for room in 0..<25 {
        lines += [Events.conversation("room\(room)"), Events.join("ann", "room\(room)", 10)]
        for number in 0...room {
          lines.append(Events.message("r\(room)-\(number)", "room\(room)", "bo", 11, "red", second: number))
        }
        lines.append(Events.message("before-\(room)", "room\(room)", "cy", 5, "red", flags: ["link"]))
      }
      try await house.deliver(lines)
      var request = try SearchRequest(ParsedQuery("red"))
      request.facets = Set(SearchRequest.Facet.allCases)
      let facets = try #require(try await house.search(request, as: "ann").facets)
      let rooms = try #require(facets.conversation)
      #expect(rooms.buckets.map(\.count) == Array((6...25).reversed()))
      #expect(rooms.buckets.first?.value == "room24" && rooms.other == 15 && rooms.exact)
      #expect(facets.sender?.buckets.map(\.value) == ["bo"] && facets.sender?.other == 0)
      #expect(facets.month?.buckets.map(\.count) == [325])
      #expect(facets.attachment?.buckets.allSatisfy { $0.count == 0 } ?? false)
      // The index has not heard of the deletion: what it counts is not said to be exact.
      try await house.store([Events.delete("r3-1", "room3", "bo", 12)])
      #expect(try await house.search(request, as: "ann").facets?.conversation?.exact == false)
    }
  }
}
