import Sodium

/// Who may sign a note: a name and an Ed25519 key (C2SP signed-note).
package struct NoteKey: Hashable, Sendable {
  /// How the key signs; the number stands in key ids and verifier keys.
  package enum Kind: UInt8, Sendable {
    case ed25519 = 0x01
    /// A witness's, with the time at which it saw the checkpoint (C2SP tlog-cosignature).
    case cosignature = 0x04
  }

  package let name: String
  /// 32 bytes.
  package let publicKey: [UInt8]
  package let kind: Kind

  /// `nil` for a name the format refuses: empty, or with white space, control characters or a plus sign.
  package init?(name: String, publicKey: [UInt8], kind: Kind = .ed25519) {
    guard !name.isEmpty, publicKey.count == 32,
      !name.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0 == "+" || $0.value < 0x20 })
    else { return nil }
    self.name = name
    self.publicKey = publicKey
    self.kind = kind
  }

  /// The first 4 bytes of SHA-256(name ‖ newline ‖ kind ‖ public key).
  package var keyID: [UInt8] {
    Array(SHA256.hash(Array(name.utf8) + [0x0A, kind.rawValue] + publicKey)[..<4])
  }

  /// The form verifiers are configured with: `name+hex(key id)+base64(kind ‖ public key)`.
  package var verifierKey: String { "\(name)+\(keyID.hex)+\(([kind.rawValue] + publicKey).base64())" }

  package init?(verifierKey text: String) {
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let key = [UInt8](base64: parts[2]), let kind = key.first.flatMap(Kind.init),
      let parsed = NoteKey(name: parts[0], publicKey: Array(key.dropFirst()), kind: kind),
      parsed.keyID.hex == parts[1]
    else { return nil }
    self = parsed
  }
}
