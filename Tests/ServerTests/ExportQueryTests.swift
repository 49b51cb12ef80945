import Catalog
import Exporting
import Foundation
import History
import KeyVault
import Model
import Runtime
import Search
import Server
import Testing

@Suite("Exports of what a query finds")
struct ExportQueryTests {
  private static func lines(_ room: String) -> [String] {
    let texts = ["the root of it", "answer amber", "elsewhere", "another answer", "amber alone", "the end"]
    return texts.enumerated().map { index, text in
      let words = text.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
      let thread = index == 1 || index == 3 ? #""thread_id":"\#(room)-0","# : ""
      return #"{"type":"message.created","message_id":"\#(room)-\#(index)","conversation_id":"\#(room)","#
        + #""sender_id":"kim","created_at":"2024-03-02T10:00:0\#(index)Z",\#(thread)"body":{"plain":"\#(text)"},"#
        + #""tokens":{"mode":"plain","sequence":[\#(words)]}}"#
    }
  }

  private static func filled(_ room: String) async throws -> ServedHouse {
    let house = try await ServedHouse.shared
    let delivered = try await house.ask(
      "POST", "/v1/events", token: try house.token([.ingest], as: "chat"),
      json: lines(room).joined(separator: "\n"))
    #expect(delivered.json["accepted"] as? Int == 6, "\(delivered.text)")
    #expect(try await house.application.followFeedPatiently())
    return house
  }

  @Test("Hits, their context and their threads, within the rest of the selection")
  func selections() async throws {
    let house = try await Self.filled("queried")
    let application = house.application
    let directory = application.directory(try await application.tenant("acme"))
    let exporter = application.exporter(directory)
    let room = try await exporter.selection(conversations: ["queried"])
    let cases: [(String, ExportQuery.Context, Bool, [Int])] = [
      ("amber", .none, false, [1, 4]), ("amber", .messages(1), false, [0, 1, 2, 3, 4, 5]),
      ("answer amber", .none, true, [0, 1, 3]), ("root", .none, true, [0, 1, 3]),
      ("amber before:2024-03-02T10:00:03Z", .none, false, [1]), ("nowhere", .day, true, []),
      ("elsewhere", .day, false, [0, 1, 2, 3, 4, 5]),
    ]
    for (query, context, threads, expected) in cases {
      let selection = try await QuerySelection(search: application.search(directory), exporter: exporter)
        .narrow(
          room, subject: nil, conversations: ["queried"], query: query, context: context, threads: threads)
      let keys = expected.map { directory.hasher.messageKey("queried-\($0)") }
      #expect(Set(selection.messages?.map(\.key) ?? []) == Set(keys), "\(query)")
    }
  }

  @Test("An export over HTTP by query states it and holds what it found")
  func overHTTP() async throws {
    let house = try await Self.filled("asked")
    let token = try house.token([.compliance], as: "counsel")
    let made = try await house.ask(
      "POST", "/v1/exports", token: token,
      json: #"{"formats":["jsonl"],"conversations":["asked"],"query":"amber","context":"1","threads":true}"#)
    #expect(made.status == 201, "\(made.text)")
    #expect((made.json["counts"] as? [String: Any])?["messages"] as? Int == 6, "\(made.text)")
    for bad in [#""query":"\"""#, #""context":"5""#, #""query":"x","context":"week""#] {
      let refused = try await house.ask("POST", "/v1/exports", token: token, json: "{\(bad)}")
      #expect(refused.status == 400, "\(bad) \(refused.status) \(refused.text)")
    }
  }
}
