import Foundation
import SearchTokens
import Sodium
import Testing

@Suite("Blinding")
struct BlindingTests {
  @Test("keys and tokens are the vectors'", arguments: Vectors.shared.blinding)
  func vectors(_ vector: Vectors.Key) throws {
    let key = try ConversationKey(
      secret: [UInt8](hex: vector.secret)!, tenantBytes: [UInt8](hex: vector.tenant)!,
      conversationBytes: [UInt8](hex: vector.conversation)!, generation: vector.generation)
    #expect(key.kid.hex == vector.kid)
    for token in vector.tokens {
      let made = key.token(token.text, TokenClass(rawValue: token.class)!)
      #expect(made.bytes.hex == token.token)
      #expect(BlindToken(base64URL: made.base64URL) == made)
    }
  }

  @Test("a token key file gives the vectors' keys and bodies", arguments: Vectors.shared.master.cases)
  func master(_ vector: Vectors.MasterCase) throws {
    let master = try TokenMaster(fileContents: Vectors.shared.master.file)
    #expect(master.fileContents == Vectors.shared.master.file)
    let key = master.conversationKey(
      tenant: vector.tenant, conversation: vector.conversation, generation: vector.generation)
    #expect(key.kid.hex == vector.kid)
    #expect(key.token("hello").bytes.hex == vector.token_hello)
    let fromSecret = try ConversationKey(
      secret: [UInt8](hex: vector.secret)!, tenantBytes: [UInt8](hex: vector.tenant_bytes)!,
      conversationBytes: [UInt8](hex: vector.conversation_bytes)!, generation: vector.generation)
    #expect(fromSecret.kid == key.kid)
    let body = master.bodyKey(tenant: vector.tenant, conversation: vector.conversation)
    #expect(body.id == vector.body_key_id)
    let nonce = [UInt8](hex: vector.nonce)!
    #expect(body.seal(vector.body, messageID: vector.message_id, nonce: nonce).hex == vector.sealed)
    #expect(try body.open([UInt8](hex: vector.sealed)!, messageID: vector.message_id) == vector.body)
  }

  @Test("a changed body, another message's and another conversation's do not open")
  func bodiesAreBound() throws {
    let master = TokenMaster.random()
    let key = master.bodyKey(tenant: "t", conversation: "c")
    let sealed = key.seal("hello", messageID: "1")
    #expect(try key.open(sealed, messageID: "1") == "hello")
    #expect(throws: TokenKeyError.self) { try key.open(sealed, messageID: "2") }
    #expect(throws: TokenKeyError.self) { try key.open([], messageID: "1") }
    let other = master.bodyKey(tenant: "t", conversation: "d")
    #expect(other.id != key.id)
    #expect(throws: TokenKeyError.self) { try other.open(sealed, messageID: "1") }
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: TokenKeyError.self) { try key.open(changed, messageID: "1") }
    }
  }

  @Test(
    "a file that is no token key file is refused",
    arguments: [
      "", "muniment-token-key-v1", "muniment-token-key-v1\n",
      "muniment-token-key-v2\n" + String(repeating: "0", count: 64),
      "muniment-token-key-v1\n" + String(repeating: "0", count: 62),
      "muniment-token-key-v1\n" + String(repeating: "g", count: 64),
      "muniment-token-key-v1\n" + String(repeating: "0", count: 64) + "\nmore",
    ])
  func wrongFiles(_ contents: String) {
    #expect(throws: TokenKeyError.self) { try TokenMaster(fileContents: contents) }
  }

  @Test("no two of class, generation, conversation, tenant and secret share a token or a kid")
  func separation() throws {
    let one = [UInt8](repeating: 1, count: 32)
    var flipped = one
    flipped[31] ^= 1
    var keys: [ConversationKey] = []
    for secret in [one, flipped] {
      for tenant in ["t", "u"] {
        for conversation in ["c", "d", ""] {
          for generation: UInt32 in [0, 1, 256] {
            keys.append(
              try ConversationKey(
                secret: secret, tenant: tenant, conversation: conversation, generation: generation))
          }
        }
      }
    }
    #expect(Set(keys.map(\.kid)).count == keys.count)
    let tokens = keys.flatMap { key in TokenClass.allCases.map { key.token("hello", $0) } }
    #expect(Set(tokens).count == keys.count * TokenClass.allCases.count)
  }

  @Test("a tenant and a conversation of the same name are different ids")
  func idsAreSeparate() throws {
    let secret = [UInt8](repeating: 1, count: 32)
    let left = try ConversationKey(secret: secret, tenant: "a", conversation: "b", generation: 1)
    let right = try ConversationKey(secret: secret, tenant: "b", conversation: "a", generation: 1)
    #expect(left.kid != right.kid)
  }

  @Test("secrets and ids of a wrong size are refused")
  func sizes() {
    #expect(throws: TokenKeyError.self) {
      try ConversationKey(secret: [1], tenant: "t", conversation: "c", generation: 1)
    }
    #expect(throws: TokenKeyError.self) {
      try ConversationKey(
        secret: [UInt8](repeating: 0, count: 32), tenantBytes: [1], conversationBytes: [2], generation: 1)
    }
  }

  @Test("blinded tokens of a message are sorted, distinct and 11 characters, and survive JSON")
  func message() throws {
    let key = TokenMaster.random().conversationKey(tenant: "t", conversation: "c", generation: 3)
    let text = Tokenizer().tokens(in: "hello hello world https://example.com 東京タワー")
    let made = key.blind(text, bigrams: true, prefixes: true)
    #expect(made.set.count == text.set.count && made.bigrams.count == text.bigrams.count)
    #expect(made.prefixes.count == text.prefixes.count)
    #expect(made.sequence.isEmpty && made.flags == ["link"] && made.generation == 3)
    let raw = made.set.map { BlindToken(base64URL: $0)! }
    #expect(raw == raw.sorted() && made.set.allSatisfy { $0.utf8.count == 11 })
    let decoded = try JSONDecoder().decode(MessageTokens.self, from: try JSONEncoder().encode(made))
    #expect(decoded == made)
    let external = key.blind(text, bigrams: true, prefixes: true, isExternal: true)
    #expect(
      Set(external.set).isDisjoint(with: made.set) && external.bigrams.isEmpty && external.prefixes.isEmpty)
  }

  @Test(
    "what is not base64url of 8 bytes is no token",
    arguments: ["", "zCX9-U4wgm", "zCX9+U4wgms", "zCX9-U4wgms=", "AAAA"])
  func badTokens(_ text: String) {
    #expect(BlindToken(base64URL: text) == nil)
  }
}
