import Foundation
import Testing

extension Scenarios {
  @Suite struct UserTests {
    @Test("people of a corpus are found by their names, blinded or not, by those who share a conversation")
    func corpusNames() throws {
      let corpus = Corpus(messages: 60)
      let source = try corpus.write()
      let keys = try Scratch.make("keys")
      defer { for path in [source, keys] { try? FileManager.default.removeItem(atPath: path) } }
      let key = ["--token-key", keys + "/client.key", "--prefixes"]
      let (plain, blinded) = (try Home(), try Home())
      try plain.done(["ingest", source])
      try blinded.done(["ingest", source] + key)
      let line = corpus.of(corpus.conversations[0])[0]
      let me = line.senderID
      let word = line.senderName.split { !$0.isLetter && !$0.isNumber }[0].lowercased()
      for home in [(plain, []), (blinded, key)] {
        let found = try home.0.done(["users", "search", word, "--as", me] + home.1).object
        let users = found["users"]?.elements ?? []
        #expect(users.contains { $0["subject_id"]?.text == me })
        #expect(found["coverage"]?["complete"]?.isTrue == true)
      }
      let without = try blinded.done(["users", "search", word, "--as", me]).object
      #expect(without["users"]?.elements.isEmpty == true)
      #expect(without["coverage"]?["gaps"]?.elements.first?["reason"]?.text == "blinded_tokens_need_key")
      #expect(try FileScan.files(of: blinded.path, holding: [line.senderName]) == [])
      try keptSearch(plain, as: me)
      let words = keys + "/reference.txt"
      try corpus.lines.map(\.content).joined(separator: "\n").write(
        toFile: words, atomically: true, encoding: .utf8)
      let leakage = try blinded.done(["index", "leakage", "--reference", words, "--token-key", key[1]])
        .object
      #expect(leakage["mode"]?.text == "blinded" && leakage["messages"]?.number == corpus.lines.count)
      #expect(leakage["keys"]?["shared_tokens"]?.number == 0)
      #expect(leakage["attack"]?["truth"]?.text == "token_key")
      let open = try plain.done(["index", "leakage"]).object
      #expect(open["mode"]?.text == "plain" && open["attack_lacks"]?.text != nil)
    }

    private func keptSearch(_ home: Home, as me: String) throws {
      let query = "harbour -zzqxkept"
      let saved = try home.done(["saved-search", "create", "my harbour", query, "--as", me]).object
      let id = try #require(saved["id"]?.text)
      #expect(try home.done(["saved-search", "list", "--as", me]).lines.map { $0["query"]?.text } == [query])
      let run = try home.done(["saved-search", "run", id, "--as", me]).object
      let asked = try home.done(["search", query, "--as", me]).object
      #expect(run["hits"] == asked["hits"] && run["hits"]?.elements.isEmpty == false)
      #expect(try FileScan.files(of: home.path, holding: ["zzqxkept", "my harbour"]) == [])
      try home.done(["saved-search", "delete", id, "--as", me])
      #expect(try home.run(["saved-search", "show", id, "--as", me]).status == 1)
    }
  }
}
