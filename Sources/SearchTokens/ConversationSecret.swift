internal import Sodium

/// The secret that the members of a conversation share in one generation, and the links from a generation to
/// the one before it.
///
/// A link lets those who hold the secret of a generation open the one before it, and so, link by link, search
/// all of a history. Where a new member may not see what was before, leave the link out.
///
/// ```
/// WK   = HMAC(SK[g], "bt1/wrap" 00 ‖ tenant[16] ‖ conversation[16] ‖ g (u32, big-endian))
/// link = nonce[24] ‖ XChaCha20-Poly1305(WK, nonce, SK[g-1]) ‖ tag[16]: 72 bytes
///        additional data "bt1/wrap" 00 ‖ tenant[16] ‖ conversation[16] ‖ g-1 ‖ g (u32, big-endian)
/// nonce = HMAC(WK, "bt1/wrap-nonce" 00 ‖ SK[g-1])[0..<24]
/// ```
/// The nonce follows from what is sealed, so that two devices that make the same link make the same bytes.
/// Whoever opens a link needs not know how its nonce came about.
public struct ConversationSecret: Sendable {
  /// Which generation this is.
  public let generation: UInt32
  private let secret: SecretBytes
  private let tenantBytes: [UInt8]
  private let conversationBytes: [UInt8]

  /// Bytes of a link.
  public static let linkSize = AEAD.overhead + ConversationKey.secretSize

  init(secret: SecretBytes, tenantBytes: [UInt8], conversationBytes: [UInt8], generation: UInt32) {
    self.secret = secret
    self.tenantBytes = tenantBytes
    self.conversationBytes = conversationBytes
    self.generation = generation
  }

  /// From 32 bytes and the platform's ids.
  /// - Throws: ``TokenKeyError`` unless there are 32 bytes.
  public init(secret: [UInt8], tenant: String, conversation: String, generation: UInt32)
    throws(TokenKeyError)
  {
    try self.init(
      secret: secret, tenantBytes: OpaqueID.tenant(tenant),
      conversationBytes: OpaqueID.conversation(conversation), generation: generation)
  }

  /// From ids that are 16 bytes already.
  /// - Throws: ``TokenKeyError`` unless the secret has 32 bytes and each id 16.
  public init(secret: [UInt8], tenantBytes: [UInt8], conversationBytes: [UInt8], generation: UInt32)
    throws(TokenKeyError)
  {
    guard secret.count == ConversationKey.secretSize, tenantBytes.count == OpaqueID.size,
      conversationBytes.count == OpaqueID.size
    else { throw TokenKeyError(.wrongSize) }
    self.init(
      secret: SecretBytes(secret), tenantBytes: tenantBytes, conversationBytes: conversationBytes,
      generation: generation)
  }

  /// The search keys.
  public var key: ConversationKey {
    ConversationKey(
      secret: secret, tenantBytes: tenantBytes, conversationBytes: conversationBytes, generation: generation)
  }

  /// The link from this generation to the one before: for the server to keep beside the conversation.
  /// - Throws: ``TokenKeyError`` unless `older` is the same conversation's secret of the generation before.
  public func link(to older: ConversationSecret) throws(TokenKeyError) -> [UInt8] {
    guard generation > 0, older.generation == generation - 1, older.tenantBytes == tenantBytes,
      older.conversationBytes == conversationBytes
    else { throw TokenKeyError(.wrongLink) }
    let key = wrappingKey
    var input = KeyInput.labelled("bt1/wrap-nonce", older.secret.copiedBytes)
    let nonce = Array(HMACSHA256.authenticate(input, key: key).prefix(AEAD.nonceSize))
    SecretBytes.zero(&input)
    var plaintext = older.secret.copiedBytes
    defer { SecretBytes.zero(&plaintext) }
    return AEAD.seal(plaintext, key: key, nonce: nonce, additional: additional)
  }

  /// The secret of the generation before, from its link.
  /// - Throws: ``TokenKeyError`` if the link was changed, or made for another conversation or generation.
  public func opened(_ link: [UInt8]) throws(TokenKeyError) -> ConversationSecret {
    guard generation > 0, link.count == Self.linkSize else { throw TokenKeyError(.wrongLink) }
    var plaintext: [UInt8]
    do { plaintext = try AEAD.open(link, key: wrappingKey, additional: additional) } catch {
      throw TokenKeyError(.wrongLink)
    }
    defer { SecretBytes.zero(&plaintext) }
    return ConversationSecret(
      secret: SecretBytes(plaintext), tenantBytes: tenantBytes, conversationBytes: conversationBytes,
      generation: generation - 1)
  }

  private var wrappingKey: SecretBytes {
    let info = tenantBytes + conversationBytes + KeyInput.bigEndian(generation)
    return SecretBytes(HMACSHA256.authenticate(KeyInput.labelled("bt1/wrap", info), key: secret))
  }

  private var additional: [UInt8] {
    KeyInput.labelled(
      "bt1/wrap",
      tenantBytes + conversationBytes + KeyInput.bigEndian(generation - 1) + KeyInput.bigEndian(generation))
  }
}
