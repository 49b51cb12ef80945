package import Sodium

/// The search keys of one conversation and generation: blinding suite 1, HMAC-SHA-256.
///
/// ```
/// info  = tenant[16] ‖ conversation[16] ‖ generation (u32, big-endian)
/// CK[c] = HMAC(secret, "bt1/key" 00 ‖ c ‖ info)
/// kid   = HMAC(secret, "bt1/kid" 00 ‖ info)[0..<8]
/// token = HMAC(CK[c], "bt1/tok" 00 ‖ text)[0..<8]
/// ```
/// Make a new generation when a member leaves, and at least every 30 days or 5,000 messages: the fewer
/// messages share a key, the less the frequencies of tokens say. What a server learns is stated in
/// `Schemas/tokens/v1.md`.
public struct ConversationKey: Sendable {
  /// Which generation of the conversation's secret this is.
  public let generation: UInt32
  /// Names the key to the server without telling anything of it: 8 bytes.
  public let kid: [UInt8]
  private let classKeys: [TokenClass: SecretBytes]

  /// From the 32-byte secret the members share, and the platform's ids, which become 16 bytes each by
  /// `SHA-256("muniment/id/v1" 00 kind 00 id)`.
  package init(secret: SecretBytes, tenant: String, conversation: String, generation: UInt32) {
    self.init(
      secret: secret, tenantBytes: OpaqueID.tenant(tenant),
      conversationBytes: OpaqueID.conversation(conversation), generation: generation)
  }

  /// As ``init(secret:tenant:conversation:generation:)-(SecretBytes,_,_,_)``, from bytes in ordinary memory.
  /// - Throws: ``TokenKeyError`` unless there are 32 bytes.
  public init(secret: [UInt8], tenant: String, conversation: String, generation: UInt32) throws(TokenKeyError)
  {
    guard secret.count == Self.secretSize else { throw TokenKeyError(.wrongSize) }
    self.init(
      secret: SecretBytes(secret), tenant: tenant, conversation: conversation, generation: generation)
  }

  /// From ids that are 16 bytes already, as the published vectors have them.
  /// - Throws: ``TokenKeyError`` unless the secret has 32 bytes and each id 16.
  public init(secret: [UInt8], tenantBytes: [UInt8], conversationBytes: [UInt8], generation: UInt32)
    throws(TokenKeyError)
  {
    guard secret.count == Self.secretSize, tenantBytes.count == OpaqueID.size,
      conversationBytes.count == OpaqueID.size
    else { throw TokenKeyError(.wrongSize) }
    self.init(
      secret: SecretBytes(secret), tenantBytes: tenantBytes, conversationBytes: conversationBytes,
      generation: generation)
  }

  init(secret: SecretBytes, tenantBytes: [UInt8], conversationBytes: [UInt8], generation: UInt32) {
    let info = tenantBytes + conversationBytes + KeyInput.bigEndian(generation)
    self.generation = generation
    kid = Array(HMACSHA256.authenticate(KeyInput.labelled("bt1/kid", info), key: secret).prefix(8))
    classKeys = Dictionary(
      uniqueKeysWithValues: TokenClass.allCases.map { kind in
        let input = KeyInput.labelled("bt1/key", [kind.rawValue] + info)
        return (kind, SecretBytes(HMACSHA256.authenticate(input, key: secret)))
      })
  }

  /// Bytes of the secret that members of a conversation share.
  public static let secretSize = 32

  private static let tokenLabel = KeyInput.labelled("bt1/tok", [])

  /// The token of a text that is normalised already: a token of ``Tokenizer``, a pair of words joined by
  /// U+001F for ``TokenClass/bigram``, a beginning for ``TokenClass/prefix``.
  public func token(_ normalized: String, _ kind: TokenClass = .word) -> BlindToken {
    var input = Self.tokenLabel
    input.append(contentsOf: normalized.utf8)
    return BlindToken(prefixOf: HMACSHA256.authenticate(input, key: classKeys[kind]!))
  }

  /// The blinded tokens of a text, each list sorted and without repeats: neither order nor counts are told.
  ///
  /// - Parameters:
  ///   - bigrams: also the pairs of neighbouring words. Answers phrases faster, and tells which words occur
  ///     together.
  ///   - prefixes: also beginnings of words. Very telling, as there are few of three letters; off by default.
  ///   - isExternal: no member wrote the text: the words get the class ``TokenClass/external``, and there are
  ///     neither bigrams nor prefixes, as these have no class of their own for such texts.
  public func blind(
    _ text: TokenizedText, bigrams: Bool = false, prefixes: Bool = false, isExternal: Bool = false
  ) -> MessageTokens {
    MessageTokens(
      mode: .blinded, generation: generation, set: blind(text.set, isExternal ? .external : .word),
      bigrams: bigrams && !isExternal ? blind(text.bigrams, .bigram) : [],
      prefixes: prefixes && !isExternal ? blind(text.prefixes, .prefix) : [], flags: text.flags)
  }

  private func blind(_ texts: [String], _ kind: TokenClass) -> [String] {
    Set(texts.map { token($0, kind) }).sorted().map(\.base64URL)
  }
}

/// A key of the search tokens was not usable.
public struct TokenKeyError: Error, Hashable, CustomStringConvertible {
  /// What was wrong.
  public enum Code: Sendable {
    /// Not the number of bytes a key or an id must have.
    case wrongSize
    /// Not a token key file of a known version.
    case wrongFile
    /// The sealed bytes were not made with this key for this message, or were changed.
    case notAuthentic
    /// The opened bytes are not text.
    case notText
    /// A link that does not open with this secret, or was changed.
    case wrongLink
  }

  /// What was wrong.
  public let code: Code

  init(_ code: Code) { self.code = code }

  /// Trying again with the same input gives the same error.
  public var isRetryable: Bool { false }

  /// Safe to show: never holds key bytes.
  public var description: String {
    switch code {
    case .wrongSize: "a token key has 32 bytes and a raw id 16"
    case .wrongFile: "not a token key file: the first line is \(TokenMaster.header), the second 64 hex digits"
    case .notAuthentic: "the body was not sealed with this key for this message, or was changed"
    case .wrongLink:
      "the link was not made with this conversation's secret of the next generation, or was changed"
    case .notText: "the opened body is not UTF-8 text"
    }
  }
}
