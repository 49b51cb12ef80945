package import Sodium

/// One secret from which the search and body keys of every conversation are derived: what the command line's
/// key file holds, and what a client without a key exchange of its own can start with.
///
/// ```
/// SK[conversation, g] = HMAC(master, "muniment/sk/v1" 00 ‖ tenant[16] ‖ conversation[16] ‖ g (u32,
/// big-endian)) body key            = HMAC(master, "muniment/body-key/v1" 00 ‖ tenant[16] ‖ conversation[16])
/// body key id         = "mk1." hex(HMAC(master, "muniment/body-kid/v1" 00 ‖ tenant[16] ‖
/// conversation[16])[0..<8])
/// ```
/// Who holds the master reads every conversation: it belongs on a client's side, never on the server.
public struct TokenMaster: Sendable {
  /// The first line of a key file.
  public static let header = "muniment-token-key-v1"

  private let master: SecretBytes

  /// From the text of a key file: ``header``, a line break, 32 bytes in hexadecimal.
  /// - Throws: ``TokenKeyError`` for anything else.
  public init(fileContents: String) throws(TokenKeyError) {
    let lines = fileContents.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let hasTwo = lines.count == 2 || (lines.count == 3 && lines[2].isEmpty)
    guard hasTwo, lines[0] == Self.header, var bytes = [UInt8](hex: String(lines[1])), bytes.count == 32
    else {
      throw TokenKeyError(.wrongFile)
    }
    master = SecretBytes(bytes, guarded: true)
    SecretBytes.zero(&bytes)
  }

  /// From 32 bytes of the caller's.
  package init(master: SecretBytes) {
    precondition(master.count == 32)
    self.master = master
  }

  /// With a new random secret.
  public static func random() -> TokenMaster {
    TokenMaster(master: SecretBytes(random: 32, guarded: true))
  }

  /// The text of a key file. It is the secret: write it with mode 0600, and never log it.
  public var fileContents: String { "\(Self.header)\n\(master.copiedBytes.hex)\n" }

  /// The search keys of a conversation's generation.
  public func conversationKey(tenant: String, conversation: String, generation: UInt32) -> ConversationKey {
    conversationSecret(tenant: tenant, conversation: conversation, generation: generation).key
  }

  /// The secret of a conversation's generation.
  public func conversationSecret(tenant: String, conversation: String, generation: UInt32)
    -> ConversationSecret
  {
    let ids = OpaqueID.tenant(tenant) + OpaqueID.conversation(conversation)
    let secret = derived("muniment/sk/v1", ids + KeyInput.bigEndian(generation))
    return ConversationSecret(
      secret: SecretBytes(secret), tenantBytes: OpaqueID.tenant(tenant),
      conversationBytes: OpaqueID.conversation(conversation), generation: generation)
  }

  /// The key that seals the bodies of a conversation.
  public func bodyKey(tenant: String, conversation: String) -> BodyKey {
    let ids = OpaqueID.tenant(tenant) + OpaqueID.conversation(conversation)
    return BodyKey(
      key: SecretBytes(derived("muniment/body-key/v1", ids)),
      id: "mk1." + Array(derived("muniment/body-kid/v1", ids).prefix(8)).hex)
  }

  private func derived(_ label: String, _ rest: [UInt8]) -> [UInt8] {
    HMACSHA256.authenticate(KeyInput.labelled(label, rest), key: master)
  }
}

/// Seals and opens the bodies of one conversation: XChaCha20-Poly1305, `nonce[24] ‖ ciphertext ‖ tag[16]`,
/// additional data `"muniment/body/v1" ‖ message id`, so that a body cannot be passed off as another
/// message's.
public struct BodyKey: Sendable {
  /// What `key_id` of a sealed body says.
  public let id: String
  private let key: SecretBytes

  init(key: SecretBytes, id: String) {
    self.key = key
    self.id = id
  }

  /// Seals a text. The nonce is derived from the key, the message's id and the text, so that sealing the same
  /// message again gives the same bytes and a second delivery is recognised; all it tells is whether two
  /// versions are equal.
  public func seal(_ text: String, messageID: String) -> [UInt8] {
    let input = KeyInput.labelled("muniment/body-nonce/v1", OpaqueID.message(messageID) + Array(text.utf8))
    let nonce = Array(HMACSHA256.authenticate(input, key: key).prefix(AEAD.nonceSize))
    return seal(text, messageID: messageID, nonce: nonce)
  }

  /// As ``seal(_:messageID:)``, with a nonce of the caller's: for vectors.
  package func seal(_ text: String, messageID: String, nonce: [UInt8]) -> [UInt8] {
    AEAD.seal(Array(text.utf8), key: key, nonce: nonce, additional: Self.additional(messageID))
  }

  /// Opens what ``seal(_:messageID:)`` made.
  /// - Throws: ``TokenKeyError`` if the bytes were changed, or sealed for another message or with another
  ///   key.
  public func open(_ sealed: [UInt8], messageID: String) throws(TokenKeyError) -> String {
    let plaintext: [UInt8]
    do { plaintext = try AEAD.open(sealed, key: key, additional: Self.additional(messageID)) } catch {
      throw TokenKeyError(.notAuthentic)
    }
    guard let text = String(validating: plaintext, as: UTF8.self) else { throw TokenKeyError(.notText) }
    return text
  }

  private static func additional(_ messageID: String) -> [UInt8] {
    Array("muniment/body/v1\(messageID)".utf8)
  }
}
