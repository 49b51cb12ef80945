import Catalog
import Erasure
import Exporting
import Foundation
import History
import KeyVault
import Model
import Postgres
import Retention
import Runtime
import Search
import SearchTokens
import Testing

@Suite("Holds by query, with the parts around them")
struct HeldByQueryTests {
  /// With the tokens a client would send.
  private static func line(_ id: String, _ sender: String, _ text: String, day: Int = 0) throws -> String {
    let tokens = try JSONEncoder().encode(MessageTokens(plain: Tokenizer().tokens(in: text)))
    return
      #"{"type":"message.created","message_id":"\#(id)","conversation_id":"c","sender_id":"\#(sender)","#
      + #""created_at":"\#(Events.time(day))","body":{"plain":"\#(text)"},"#
      + #""tokens":\#(String(decoding: tokens, as: UTF8.self))}"#
  }

  private static func sealed(_ id: String, _ sender: String) -> String {
    #"{"type":"message.created","message_id":"\#(id)","conversation_id":"c","sender_id":"\#(sender)","#
      + #""created_at":"\#(Events.time(0))","body":{"sealed":"AAEC/w=="}}"#
  }

  @Test("what a search finds is held, hot and archived, and nothing else that can be read")
  func searches() async throws {
    try await ErasureHouse.with { house in
      let words = ["harbour", "copper", "ledger", "friday", "crossing", "cafe", "Café", "foo-bar", "über"]
      var lines: [String] = []
      for number in 0..<120 {
        let text = (0..<3).map { words[(number * 7 + $0 * $0 * 5 + number / 9) % words.count] }
        lines.append(try Self.line("m\(number)", ["ann", "ben"][number % 2], text.joined(separator: " ")))
      }
      try await house.deliver(lines)
      let directory = house.application.directory(house.tenant)
      let keys = Dictionary(
        uniqueKeysWithValues: (0..<120).map { (directory.hasher.messageKey("m\($0)"), "m\($0)") })
      for isArchived in [false, true] {
        if isArchived { try await house.archive() }
        for query in [
          "harbour", "harbour copper", "\"copper ledger\"", "-friday", "cop*", "harbour OR crossing", "cafe",
          "café", "foo", "foo-bar", "\"foo bar\"", "uber", "from:ann ledger", "(copper OR friday) -harbour",
        ] {
          var request = try SearchRequest(ParsedQuery(query))
          request.limit = 200
          let found = try await house.application.search(directory).search(request, reader: .compliance)
          let hold = try await house.hold(HoldRequest(matter: "M", query: query, reason: "suit"))
          let done = try await house.holds.evaluate(hold, actor: "job")
          #expect(done.read == 120 && done.findings[.undecided] == nil)
          let held = try await house.database.transaction { tx in
            try Deletions.heldBy(Array(keys.keys), in: tx)
          }
          let names = Set(held.filter { $0.value.contains(hold) }.compactMap { keys[$0.key] })
          #expect(names == Set(found.hits.map(\.messageID)), "\(query), archived: \(isArchived)")
          try await house.release(hold)
        }
      }
    }
  }

  @Test("a person's messages are erased but for what matches, and what was not read goes once it is")
  func erasure() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        try Self.line("match", "ann", "the harbour deal"), try Self.line("other", "ann", "good morning"),
      ])
      let hold = try await house.hold(HoldRequest(matter: "M", query: "harbour", reason: "suit"))
      _ = try await house.holds.evaluate(hold, actor: "job")
      try await house.deliver([try Self.line("unread", "ann", "good night"), Self.sealed("sealed", "ann")])
      let id = try await house.approved("ann")
      let statement = try await house.erasure.run(id, actor: "alice").statement()
      #expect(statement.stores.restricted == 3)
      let all = ["match", "other", "unread", "sealed"]
      #expect(try await house.states(all) == [.restricted, .erased, .restricted, .restricted])
      // Read from the copies that were made for the hold.
      #expect(try await house.holds.evaluate(hold, actor: "job").read == 2)
      _ = try await house.erasure.reconsiderAll(actor: "job")
      #expect(try await house.states(all) == [.restricted, .erased, .erased, .restricted])
      let evidence = try await house.evidence(hold)
      #expect(evidence.contains("harbour deal") && !evidence.contains("good"))
      try await house.release(hold)
      house.advance(days: 2)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      #expect(try await house.states(all) == all.map { _ in .erased })
    }
  }

  @Test("a package for a hold has what its query finds and what cannot be decided, and says how much that is")
  func packages() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        try Self.line("match", "ann", "the harbour deal"), try Self.line("other", "ann", "good morning"),
        Self.sealed("sealed", "ben"),
      ])
      let hold = try await house.hold(HoldRequest(matter: "M", query: "harbour", reason: "suit"))
      _ = try await house.holds.evaluate(hold, actor: "job")
      let path = house.home + "/exports/held"
      let record = try await house.exporter.create(
        ExportSelection(hold: hold), formats: [.jsonl], output: path, actor: "law")
      #expect((record.counts.messages, record.counts.undecided) == (2, 1))
      #expect(record.isComplete)
      let warnings = try String(contentsOfFile: path + "/warnings.txt", encoding: .utf8)
      #expect(warnings.contains("hold: 1 messages are inside"))
      let lines = try String(contentsOfFile: path + "/messages.jsonl", encoding: .utf8)
      #expect(lines.contains("harbour deal") && lines.contains("AAEC") && !lines.contains("good morning"))
      try await house.release(hold)
      let exporter = house.exporter
      let refused = await #expect(throws: ExportError.self) {
        try await exporter.create(
          ExportSelection(hold: hold), formats: [.jsonl], output: path + "-again", actor: "law")
      }
      #expect(refused?.code == .wrongState)
    }
  }
}
