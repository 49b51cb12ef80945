import Sodium

/// Encrypts a stream of any length so that any of its recipients opens it with the `age` program or another one of
/// that format (C2SP, "The age file encryption format", version 1). Holds 64 KiB.
package struct AgeEncryption: ~Copyable {
  private static let chunkBytes = 64 << 10
  private static let version = "age-encryption.org/v1"

  private let key: SecretBytes
  private var pending: [UInt8] = []
  /// Header and nonce, until they were handed out.
  private var head: [UInt8]
  private var chunks: UInt64 = 0

  /// - Throws: `.noRecipients`; `.badRecipient` for a public key that keeps nothing secret.
  package init(to recipients: [AgeRecipient]) throws(AgeError) {
    guard !recipients.isEmpty else { throw AgeError(.noRecipients) }
    let fileKey = SecretBytes(random: 16)
    var header = Self.version + "\n"
    for recipient in recipients { header += try Self.stanza(recipient, fileKey) }
    header += "---"
    let authentication = HMACSHA256.authenticate(
      Array(header.utf8), key: HKDFSHA256.derive(fileKey, salt: [], info: "header"))
    let nonce = Randomness.bytes(16)
    head = Array("\(header) \(Self.text(authentication))\n".utf8) + nonce
    key = HKDFSHA256.derive(fileKey, salt: nonce, info: "payload")
  }

  /// - Returns: what can be written by now.
  package mutating func encrypt(_ bytes: [UInt8]) -> [UInt8] {
    pending += bytes
    var ready = head
    head = []
    var taken = 0
    // The last chunk is marked, and may not be empty unless it is the only one: a full one is kept until more comes.
    while pending.count - taken > Self.chunkBytes {
      ready += seal(Array(pending[taken..<taken + Self.chunkBytes]), isLast: false)
      taken += Self.chunkBytes
    }
    pending.removeFirst(taken)
    return ready
  }

  /// - Returns: the rest.
  package consuming func finish() -> [UInt8] { head + seal(pending, isLast: true) }

  private mutating func seal(_ chunk: [UInt8], isLast: Bool) -> [UInt8] {
    // Eleven bytes of counter, highest first, and whether it is the last: no nonce comes twice under the file's key.
    let counter = (0..<8).map { UInt8(truncatingIfNeeded: chunks >> (56 - 8 * $0)) }
    chunks += 1
    return ChaCha20Poly1305.seal(chunk, key: key, nonce: [0, 0, 0] + counter + [isLast ? 1 : 0])
  }

  /// The file's key for one recipient.
  private static func stanza(_ recipient: AgeRecipient, _ fileKey: SecretBytes) throws(AgeError) -> String {
    let ephemeral = SecretBytes(random: X25519.keySize)
    let share = X25519.publicKey(of: ephemeral)
    guard let shared = try? X25519.shared(ephemeral, with: recipient.publicKey) else {
      throw AgeError(.badRecipient)
    }
    let wrapping = HKDFSHA256.derive(
      shared, salt: share + recipient.publicKey, info: "\(version)/X25519")
    var plain = fileKey.copiedBytes
    defer { SecretBytes.zero(&plain) }
    let wrapped = ChaCha20Poly1305.seal(
      plain, key: wrapping, nonce: [UInt8](repeating: 0, count: ChaCha20Poly1305.nonceSize))
    return "-> X25519 \(text(share))\n\(text(wrapped))\n"
  }

  /// Base64 without padding (RFC 4648 §4).
  private static func text(_ bytes: [UInt8]) -> String {
    let padded = bytes.base64()
    return String(padded[..<(padded.firstIndex(of: "=") ?? padded.endIndex)])
  }
}
