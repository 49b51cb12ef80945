import Foundation
import Server
import Testing

/// Who reads over HTTP, and what they may see, is looked up with every request.
@Suite("Readers of messages over HTTP")
struct ReadingTests {
  private static func find(_ word: String, as subject: String, _ house: ServedHouse) async throws
    -> [String]
  {
    let answer = try await house.ask(
      "GET", "/v1/search/messages?q=\(word)", token: try house.token([.member], as: subject))
    #expect(answer.status == 200)
    return (answer.json["hits"] as? [[String: Any]] ?? []).compactMap { $0["message_id"] as? String }.sorted()
  }

  private static func store(_ line: String, _ house: ServedHouse) async throws {
    let answer = try await house.ask(
      "POST", "/v1/events", token: try house.token([.ingest], as: "chat"), json: line)
    #expect(answer.json["accepted"] as? Int == 1)
  }

  @Test("See what they may at that moment: strangers nothing, who joins from then on, who leaves until then")
  func memberships() async throws {
    let house = try await ServedHouse.shared
    #expect(try await house.deliver("reading-room", texts: ["axolotl", "axolotl"]).status == 200)
    #expect(try await house.application.followFeedPatiently())
    let all = ["reading-room-0", "reading-room-1"]
    func member(_ change: String, _ more: String) -> String {
      #"{"type":"member.\#(change)","conversation_id":"reading-room","subject_id":"reading-guest",\#(more)}"#
    }
    #expect(try await Self.find("axolotl", as: "robin", house) == all)
    #expect(try await Self.find("axolotl", as: "reading-guest", house) == [])
    try await Self.store(
      member("joined", #""at":"2024-03-02T09:00:00Z","sees_history_from":"2024-03-02T10:00:01Z""#), house)
    #expect(try await Self.find("axolotl", as: "reading-guest", house) == ["reading-room-1"])
    #expect(try await Self.find("axolotl", as: "reading-guest", house) == ["reading-room-1"])
    try await Self.store(member("left", #""at":"2024-03-02T10:00:01Z""#), house)
    #expect(try await Self.find("axolotl", as: "reading-guest", house) == [])
    #expect(try await Self.find("axolotl", as: "robin", house) == all)
    let stranger = try await house.ask(
      "GET", "/v1/search/messages?q=axolotl", token: try house.token([.member], tenant: "no-such-tenant"))
    #expect(stranger.status == 403)
  }
}
