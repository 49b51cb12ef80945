import Foundation
import SearchTokens
import Testing

extension Scenarios {
  @Suite struct TokenizeTests {
    private static let keyFile = "muniment-token-key-v1\n" + String(repeating: "5a", count: 32) + "\n"
    private static let text = "Straße 東京 C++ :tada:\n\nsecond line\n"

    private func run(_ words: [String], status: Int32 = 0) throws -> [Substring] {
      let outcome = try Run(["tokenize"] + words, home: "/tmp", input: Self.text).finish()
      #expect(outcome.status == status, "\(outcome.failure)")
      // The empty line that ends the last message is its own.
      return outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    }

    @Test("every form of a text's tokens holds what the library makes of it, line by line")
    func forms() throws {
      let directory = try Scratch.make("key")
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let path = directory + "/client.key"
      try Self.keyFile.write(toFile: path, atomically: true, encoding: .utf8)
      let master = try TokenMaster(fileContents: Self.keyFile)
      let key = master.conversationKey(tenant: "acme", conversation: "room", generation: 7)
      let texts = Self.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        .map { Tokenizer().tokens(in: String($0)) }
      let keyed = ["--key", path, "--tenant", "acme", "--conversation", "room", "--generation", "7"]

      let plain = try run(["--prefixes"])
      #expect(
        try plain.map { try JSONDecoder().decode(MessageTokens.self, from: Data($0.utf8)) }
          == texts.map { MessageTokens(plain: $0, prefixes: true) })
      let blinded = try run(keyed + ["--bigrams", "--prefixes"])
      let expected = texts.map { key.blind($0, bigrams: true, prefixes: true) }
      #expect(
        try blinded.map { try JSONDecoder().decode(MessageTokens.self, from: Data($0.utf8)) } == expected)
      let frames = try run(keyed + ["--bigrams", "--prefixes", "--wire"]).map { line in
        try TokenFrame(Array(try #require(Data(base64Encoded: String(line)))))
      }
      #expect(frames.map { $0.message(generation: 7) } == expected)
      #expect(frames.allSatisfy { $0.kid == key.kid })
      let external = try run(keyed + ["--external", "--wire"]).map { line in
        try TokenFrame(Array(try #require(Data(base64Encoded: String(line)))))
      }
      #expect(external.map { $0.sections.map(\.kind) } == [[.external], [], [.external]])
      let list = try run(["--list"])
      let lines = texts.flatMap { text in
        text.set.map { "word\t\($0)" } + text.words.map { "sequence\t\($0)" } + [""]
      }
      #expect(list == lines.map { $0[...] })
    }

    @Test("forms that only blinded tokens have ask for the key")
    func refusals() throws {
      for words in [["--wire"], ["--external"], ["--wire", "--list", "--key", "k"]] {
        _ = try run(words, status: 64)
      }
    }
  }
}
