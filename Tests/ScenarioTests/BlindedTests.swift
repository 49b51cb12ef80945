import Foundation
import Testing

extension Scenarios {
  @Suite struct BlindedTests {
    @Test(
      "with a token key no file under the home holds a text, and a search finds what it finds in the clear")
    func blindedEqualsPlain() throws {
      let corpus = Corpus(messages: Program.isSlow ? 2_000 : 400)
      let source = try corpus.write()
      let keys = try Scratch.make("keys")
      defer { for path in [source, keys] { try? FileManager.default.removeItem(atPath: path) } }
      let key = ["--token-key", keys + "/client.key"]
      let (plain, blinded) = (try Home(), try Home())
      try plain.done(["ingest", source])
      try blinded.done(["ingest", source, "--bigrams", "--prefixes"] + key)
      let texts = corpus.lines.map(\.content).filter { $0.utf8.count >= 20 }
      let sound = try FileScan.files(of: source, holding: texts)
      #expect(!sound.isEmpty, "the scan must find what is there")
      #expect(try FileScan.files(of: blinded.path, holding: texts) == [])
      let reader = corpus.prolific
      let words = corpus.of(corpus.conversations[0])[5].content.split(separator: " ").map(String.init)
      for query in [
        "harbour", "harbour lantern", "\"\(words[3]) \(words[4])\"", "lant*", "copper -signal",
        "willow OR quarry", "会議",
      ] {
        let clear = try plain.search(query, as: reader)
        let found = try blinded.search(query, as: reader, ["--bigrams", "--prefixes"] + key)
        #expect(!clear.ids.isEmpty, "\(query)")
        #expect(found.ids.sorted() == clear.ids.sorted(), "\(query)")
        #expect(
          found.hits.map { $0["body"]?["plain"] }
            == found.ids.map { id in clear.hits.first { $0["message_id"]?.text == id }?["body"]?["plain"] },
          "\(query)")
      }
      let keyless = try blinded.search("harbour", as: reader)
      #expect(keyless.hits.isEmpty)
      #expect(keyless.coverage?["complete"]?.isTrue == false)
      #expect(keyless.coverage?["gaps"]?.elements.first?["reason"]?.text == "blinded_tokens_need_key")
      #expect(
        try blinded.histories(of: corpus, except: "", limit: 100, key).mapValues {
          $0.map { $0["body"]?["plain"] }
        } == plain.histories(of: corpus).mapValues { $0.map { $0["body"]?["plain"] } })

      let again = try blinded.done(["ingest", source, "--bigrams", "--prefixes"] + key).object
      #expect(again["duplicates"]?.number == corpus.lines.count)
      try blinded.done(["archive", "run", "--older-than", "0d"])
      #expect(
        try blinded.search("harbour", as: reader, key).ids.sorted()
          == plain.search("harbour", as: reader).ids.sorted())
      #expect(try FileScan.files(of: blinded.path, holding: texts) == [])
    }

    @Test(
      "words blinded under three generations of keys are found across all, and one that is left out is named with its days"
    )
    func generations() throws {
      let keys = try Scratch.make("keys")
      defer { try? FileManager.default.removeItem(atPath: keys) }
      let key = ["--token-key", keys + "/client.key"]
      let home = try Home()
      let days = ["2024-01-05", "2024-03-10", "2024-06-20"]
      let lines = days.enumerated().map { place, day in
        #"{"message_id":"m\#(place)","conversation_id":"room","conversation_name":"Room","sender_id":"kim","sender_name":"Kim","created_at":"\#(day)T10:00:00Z","#
          + #""content_type":"text","reply_to":null,"source":"test:test","content":"lantern \#(place == 1 ? "with a signal" : "alone")"}"#
      }
      let source = keys + "/room.jsonl"
      try (lines.joined(separator: "\n") + "\n").write(toFile: source, atomically: true, encoding: .utf8)
      try home.done(["ingest", source, "--format", "corpus", "--rotate-days", "30"] + key)
      let all = try home.search("lantern", as: "kim", key)
      #expect(all.ids == ["m2", "m1", "m0"])
      #expect(all.coverage?["complete"]?.isTrue == true)
      // A word that is left out is unknown under the other generations' keys.
      #expect(try home.search("lantern -signal", as: "kim", key).ids == ["m2", "m0"])
      #expect(try home.search("alone OR -signal lantern", as: "kim", key).ids == ["m2", "m0"])
      let numbers = [658, 660, 664]  // days since 1970 by 30, and 1
      let keyless = try home.search("lantern", as: "kim").coverage?["gaps"]?.elements ?? []
      #expect(keyless.map { $0["reason"]?.text } == Array(repeating: "blinded_tokens_need_key", count: 3))
      let asked = [numbers[0], numbers[2]].flatMap { ["--generation", "\($0)"] }
      let some = try home.search("lantern", as: "kim", key + asked)
      #expect(some.ids == ["m2", "m0"])
      let gaps = some.coverage?["gaps"]?.elements ?? []
      #expect(gaps.count == 1)
      #expect(gaps.first?["reason"]?.text == "generation_not_asked")
      #expect(gaps.first?["generation"]?.number == numbers[1])
      #expect(gaps.first?["from"]?.text == "2024-03-10T00:00:00Z")
      #expect(gaps.first?["to"]?.text == "2024-03-10T23:59:59.999999Z")
      let status = try home.done(["index", "status"]).lines.flatMap { $0["tenants"]?.elements ?? [] }
      #expect(status.compactMap { $0["gaps"]?["generation_not_asked"]?.number } == [1])
    }
  }
}
