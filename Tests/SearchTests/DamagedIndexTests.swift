import Catalog
import Foundation
import History
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Server
import Testing

@testable import SearchIndex

@Suite("A search of an index with a damaged group")
struct DamagedIndexTests {
  /// Two rooms whose messages are in different groups, one of which lost a block.
  private struct Ruin {
    let house: SearchHouse
    let lost: String
    let sound: String
    let group: Int

    /// - Parameter lost: what the block holds.
    init(
      _ house: SearchHouse, without lost: (Directory) async throws -> [UInt8] = { _ in Array("zebra".utf8) }
    ) async throws {
      self.house = house
      let names = (0..<16).map { "room\($0)" }
      try await house.store(names.map { Events.conversation($0) })
      let directory = house.application.directory(house.tenant)
      var rooms: [Int: String] = [:]
      for card in try await directory.conversations(Set(names)).values {
        rooms[card.route.group(of: house.application.settings.indexGroups)] = card.profile.id
      }
      let (room, sound) = (try #require(rooms[0]), try #require(rooms[1]))
      (group, self.lost, self.sound) = (0, room, sound)
      // So many words that the tree of postings has many blocks.
      let filling = (0..<400).map { number in
        Events.message(
          "l\(number)", room, "bo", 10,
          "zebra " + (0..<10).map { "word\(number)x\($0)" }.joined(separator: " "), second: number)
      }
      try await house.deliver(
        [
          Events.join("ann", room, 0), Events.join("ann", sound, 0), Events.join("cy", sound, 0),
          Events.message("s1", sound, "bo", 10, "zebra"),
        ] + filling)
      let bytes = try await lost(directory)
      #expect(try Self.damage(bytes, below: "\(house.application.settings.home)/index/group-00") > 0)
      // The blocks they read last are at hand.
      for reader in house.application.index.readers { await reader.drop(group) }
    }

    /// As glass writes a term into a key: what is zero is followed by 0xFF.
    static func key(_ term: [UInt8]) -> [UInt8] { term.flatMap { $0 == 0 ? [0, 0xFF] : [$0] } }

    /// Overwrites the leaves of the tree that hold the bytes, as a disk does that lost them.
    private static func damage(_ lost: [UInt8], below path: String) throws -> Int {
      var count = 0
      let blockBytes = 8_192
      for file in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? []
      where file.hasSuffix("postlist.glass") {
        let url = URL(fileURLWithPath: "\(path)/\(file)")
        var bytes = try Data(contentsOf: url)
        for start in stride(from: 0, to: bytes.count - blockBytes + 1, by: blockBytes) {
          let block = start..<start + blockBytes
          // The fifth byte is the level above the leaves.
          guard bytes[start + 4] == 0, bytes[block].range(of: Data(lost)) != nil else { continue }
          bytes.replaceSubrange(block, with: Data(repeating: 0xFF, count: blockBytes))
          count += 1
        }
        // In place: the same file, as open handles see it.
        let handle = try FileHandle(forWritingTo: url)
        try handle.write(contentsOf: bytes)
        try handle.close()
      }
      return count
    }

    func request(_ adjust: (inout SearchRequest) -> Void = { _ in }) throws -> SearchRequest {
      var request = try SearchRequest(ParsedQuery("zebra"))
      adjust(&request)
      return request
    }
  }

  private static func reasons(_ reply: SearchReply) -> [String] {
    reply.coverage.gaps.map { "\($0.conversationID) \($0.reason)" }
  }

  @Test("is answered by the other groups, says what it could not see, and has the damage repaired")
  func answered() async throws {
    try await SearchHouse.with { house in
      let ruin = try await Ruin(house)
      for sort in SearchRequest.Sort.allCases {
        let reply = try await house.search(
          ruin.request {
            $0.sort = sort
            $0.facets = Set(SearchRequest.Facet.allCases)
          }, as: "ann")
        #expect(reply.hits.map(\.messageID) == ["s1"])
        #expect(!reply.coverage.complete)
        #expect(Self.reasons(reply) == ["\(ruin.lost) index_damaged"])
        #expect(reply.matches.lower == 1 && reply.matches.upper == nil)
        #expect(reply.facets?.conversation?.exact == false)
      }
      let all = try await house.application.search(house.application.directory(house.tenant))
        .search(ruin.request(), reader: .compliance)
      #expect(all.hits.map(\.messageID) == ["s1"])
      #expect(!all.coverage.complete && Self.reasons(all).contains("\(ruin.lost) index_damaged"))
      #expect(!Self.reasons(all).contains { $0.hasPrefix("\(ruin.sound) ") })
      #expect(try await house.application.problems().map(\.code).contains("index_damaged"))
      #expect(try await !house.application.checkFiles(group: ruin.group).isEmpty, "the files show it too")
      try await house.application.repair(group: ruin.group)
      let healed = try await house.search(ruin.request(), as: "ann")
      #expect(healed.hits.count == 50 && healed.coverage.complete && healed.coverage.gaps.isEmpty)
      #expect(healed.matches.lower == 401 && healed.matches.upper == 401)
      #expect(try await !house.application.problems().map(\.code).contains("index_damaged"))
    }
  }

  @Test("tells nobody of conversations that are not theirs")
  func others() async throws {
    try await SearchHouse.with { house in
      let ruin = try await Ruin(house)
      let reply = try await house.search(ruin.request(), as: "cy")
      #expect(reply.hits.map(\.messageID) == ["s1"])
      #expect(reply.coverage.complete && reply.coverage.gaps.isEmpty)
    }
  }

  @Test("says no more of strangers than of nobody, and nothing to whom the damage does not concern")
  func with() async throws {
    try await SearchHouse.with { house in
      try await house.store([Events.conversation("apart"), Events.join("dee", "apart", 0)])
      let ruin = try await Ruin(house) { directory in
        Ruin.key(IndexTerms.sender(try #require(try await directory.subject("bo"))))
      }
      func reply(_ name: String, as reader: String) async throws -> SearchReply {
        try await house.search(ruin.request { $0.with = [name] }, as: reader)
      }
      for (reader, complete) in [("ann", false), ("cy", true)] {
        let found = try await reply("bo", as: reader)
        #expect(found.hits.map(\.messageID) == ["s1"] && found.coverage.complete == complete)
        for name in ["dee", "no one"] {
          let none = try await reply(name, as: reader)
          #expect(none.hits.isEmpty && none.matches.estimate == 0 && none.coverage.complete == complete)
        }
      }
    }
  }

  @Test("is refused where all matches are wanted, and has the damage repaired all the same")
  func gathered() async throws {
    try await SearchHouse.with { house in
      let ruin = try await Ruin(house)
      let search = house.application.search(house.application.directory(house.tenant))
      await #expect {
        _ = try await search.gather(ruin.request(), withThreads: false)
      } throws: { error in
        (error as? SearchIndexError)?.code == .damaged
      }
      #expect(try await house.application.problems().map(\.code).contains("index_damaged"))
    }
  }
}
