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
  }
}
