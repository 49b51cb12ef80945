import Model
import Sodium
import Testing

@testable import SegmentFormat

@Suite("Tokens that follow from the text")
struct FollowingTokensTests {
  private static let text = "Grüße von C++: https://example.org"

  private static func tokens(_ set: [String], _ sequence: [String], _ flags: [String] = []) -> TokenSet {
    TokenSet(
      mode: .plain, set: set.map { Array($0.utf8) }, sequence: sequence.map { Array($0.utf8) }, flags: flags)
  }

  /// What `Tests/Compatibility/tokens_v1.py --tokens` says of ``text``.
  private static let expected = tokens(
    ["c", "c++", "example", "example.org", "grusse", "grüsse", "https", "org", "von"],
    ["grusse", "von", "c++", "https", "example", "org"], ["link"])

  private func payload(_ text: String = Self.text, _ tokens: TokenSet? = nil) -> MessagePayload {
    MessagePayload(messageID: "m3", body: .plain(text), tokens: tokens)
  }

  @Test("The frozen payload is read, written and shown")
  func frozen() throws {
    let frozen = try Fixture.bytes("payload-v2.hex")
    #expect(try Fixture.page("payload-v2.md").contains(frozen.hex))
    let read = try MessagePayload(bytes: frozen)
    #expect(read.tokens == Self.expected && read.tokensFollow && read.body == .plain(Self.text))
    #expect(read.bytes == frozen)
    var written = payload(Self.text, Self.expected)
    #expect(written.bytes != frozen)
    written.leaveOutFollowingTokens()
    #expect(written.bytes == frozen)
    var added = payload()
    added.addFollowingTokens()
    #expect(added == written)
  }

  @Test("Any tokens that are not just those stay as they were brought, byte for byte")
  func others() throws {
    var cases: [MessagePayload] = [payload(), payload("", TokenSet(mode: .blinded))]
    let changes: [(inout TokenSet) -> Void] = [
      { $0.set.swapAt(0, 1) }, { $0.set.removeLast() }, { $0.set.append([0x7A]) },
      { $0.sequence.swapAt(0, 1) },
      { $0.sequence.append([0x7A]) }, { $0.sequence = [] }, { $0.flags = [] }, { $0.flags.append("image") },
      { $0.prefixes = [[0x67]] }, { $0.bigrams = [[0x67]] }, { $0.generation = 1 }, { $0.mode = .blinded },
      { $0 = TokenSet(mode: .plain) },
    ]
    for change in changes {
      var tokens = Self.expected
      change(&tokens)
      cases.append(payload(Self.text, tokens))
    }
    cases.append(
      MessagePayload(
        messageID: "m", body: .sealed(SealedBody(ciphertext: [1])), tokens: TokenSet(mode: .plain)))
    // U+1E030 is a letter since Unicode 15.0.
    let later = "Grüße \u{1E030}"
    cases.append(payload(later, TokenSet(of: later)))
    for original in cases {
      var payload = original
      payload.leaveOutFollowingTokens()
      #expect(payload == original && !payload.tokensFollow)
      #expect(try MessagePayload(bytes: payload.bytes).tokens == original.tokens)
    }
    var added = payload(later)
    added.addFollowingTokens()
    #expect(!added.tokensFollow && added.tokens == TokenSet(of: later))
  }

  @Test(
    "What is left out comes back, of texts of any kind",
    arguments: [
      "", " ", "?!", "one", "Ünïcödé naïve", "東京タワーへ行きました。", "한국어 텍스트",
      "@ann #plan :tada: 🎉 see a.b@example.org, 1.234,50",
      String(repeating: "word ", count: 5_000), (0..<600).map { "w\($0)" }.joined(separator: " "),
      String(repeating: "x", count: 70_000),
    ])
  func back(text: String) throws {
    let brought = payload(text, TokenSet(of: text))
    var payload = brought
    payload.leaveOutFollowingTokens()
    #expect(payload.tokensFollow && payload.hasTokens)
    let read = try MessagePayload(bytes: payload.bytes)
    #expect(read.tokens == brought.tokens && read.tokens != nil)
    // And no byte beyond the tag's three.
    #expect(payload.bytes.count == self.payload(text).bytes.count + 3)
  }

  @Test("A segment takes it apart like any other, and gives it back bit for bit")
  func parts() {
    var payload = payload()
    payload.threadID = "t"
    payload.addFollowingTokens()
    let parts = PayloadParts(payload: payload.bytes)
    #expect(!parts.isWhole && Array(parts.rest) == [12, 1, 1] && parts.payload == payload.bytes)
  }

  @Test("Another text later leaves a message the tokens it came with; an edit brings its own")
  func edits() {
    var payload = payload()
    payload.addFollowingTokens()
    var changed = payload
    changed.body = .plain("something else")
    #expect(changed.tokens == Self.expected && !changed.tokensFollow)
    changed = payload
    changed.body = .sealed(SealedBody(ciphertext: [1]))
    #expect(changed.tokens == Self.expected)
    for tokens in [nil, TokenSet(of: "better"), TokenSet(mode: .plain, set: [[0x7A]])] {
      var edit = MessagePayload(messageID: "m3", body: .plain("better"), tokens: tokens)
      edit.leaveOutFollowingTokens()
      var edited = payload
      edited.replaceText(with: edit)
      #expect(edited.body == .plain("better") && edited.tokens == tokens)
      #expect(edited.tokensFollow == edit.tokensFollow)
    }
  }

  @Test("A tag of other rules, beside tokens, or without a text they follow from is refused")
  func refused() throws {
    let head: [UInt8] = [1, 1, 1, 0x6D]
    let refused: [[UInt8]] = [
      [2, 0, 12, 0], [2, 0, 12, 1, 0], [2, 0, 12, 1, 2], [2, 0, 12, 2, 1, 1], [12, 1, 1],
      [2, 0, 10, 7, 0, 0, 0, 0, 0, 0, 0, 12, 1, 1], [2, 0, 12, 1, 1, 10, 7, 0, 0, 0, 0, 0, 0, 0],
      [3, 3, 1, 9, 0, 12, 1, 1], [2, 0, 12, 1, 1, 13, 1, 1],
    ]
    for fields in refused {
      #expect(throws: MalformedBytes.self, "\(fields)") { try MessagePayload(bytes: head + fields) }
    }
    // The order of fields is not looked at.
    let turned: [UInt8] = [12, 1, 1, 2, 2, 0x68, 0x69]
    #expect(try MessagePayload(bytes: head + turned).tokens == TokenSet(of: "hi"))
  }
}
