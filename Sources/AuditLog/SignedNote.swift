package import Sodium

/// Who may sign a note: a name and an Ed25519 key (C2SP signed-note).
package struct NoteKey: Hashable, Sendable {
  package let name: String
  /// 32 bytes.
  package let publicKey: [UInt8]

  /// `nil` for a name the format refuses: empty, or with white space, control characters or a plus sign.
  package init?(name: String, publicKey: [UInt8]) {
    guard !name.isEmpty, publicKey.count == 32,
      !name.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0 == "+" || $0.value < 0x20 })
    else { return nil }
    self.name = name
    self.publicKey = publicKey
  }

  /// The first 4 bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key); 0x01 stands for Ed25519.
  package var keyID: [UInt8] { Array(SHA256.hash(Array(name.utf8) + [0x0A, 0x01] + publicKey)[..<4]) }

  /// The form verifiers are configured with: `name+hex(key id)+base64(0x01 ‖ public key)`.
  package var verifierKey: String { "\(name)+\(keyID.hex)+\(([0x01] + publicKey).base64())" }

  package init?(verifierKey text: String) {
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let key = [UInt8](base64: parts[2]), key.first == 0x01,
      let parsed = NoteKey(name: parts[0], publicKey: Array(key.dropFirst())),
      parsed.keyID.hex == parts[1]
    else { return nil }
    self = parsed
  }
}

/// A text with signatures below it, in the form of C2SP signed-note.
package struct SignedNote: Hashable, Sendable {
  private static let signaturesMax = 64

  package struct Signature: Hashable, Sendable {
    package let name: String
    package let keyID: [UInt8]
    package let bytes: [UInt8]
  }

  /// What is signed; ends in a newline.
  package let text: String
  package let signatures: [Signature]

  package static func sign(_ text: String, name: String, with signer: SigningKey) -> String {
    guard let key = NoteKey(name: name, publicKey: signer.publicKey), text.hasSuffix("\n") else {
      preconditionFailure("a note needs a valid key name and a text that ends in a newline")
    }
    let signature = (key.keyID + signer.sign(Array(text.utf8))).base64()
    return text + "\n\u{2014} \(name) \(signature)\n"
  }

  /// Throws ``AuditError/Code/notAuthentic`` if the text is not a note.
  package init(parsing note: String) throws(AuditError) {
    let bytes = Array(note.utf8)
    guard bytes.last == 0x0A, !bytes.contains(where: { $0 < 0x20 && $0 != 0x0A }),
      let blank = (1..<max(bytes.count, 1)).last(where: { bytes[$0] == 0x0A && bytes[$0 - 1] == 0x0A })
    else { throw AuditError(.notAuthentic, "the text is not a signed note") }
    text = String(decoding: bytes[..<blank], as: UTF8.self)
    let lines = String(decoding: bytes[(blank + 1)...], as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard !lines.isEmpty, lines.count <= Self.signaturesMax else {
      throw AuditError(.notAuthentic, "the note has no signature, or too many")
    }
    var signatures: [Signature] = []
    for line in lines {
      let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, parts[0] == "\u{2014}", !parts[1].isEmpty,
        let bytes = [UInt8](base64: parts[2]), bytes.count > 4
      else { throw AuditError(.notAuthentic, "the note has a malformed signature line") }
      signatures.append(Signature(name: parts[1], keyID: Array(bytes[..<4]), bytes: Array(bytes[4...])))
    }
    self.signatures = signatures
  }

  /// At least one key of `keys` signed the text and none of them signed wrongly; unknown signers are ignored.
  package func verify(by keys: [NoteKey]) throws(AuditError) {
    var verified = false
    for signature in signatures {
      guard let key = keys.first(where: { $0.name == signature.name && $0.keyID == signature.keyID }) else {
        continue
      }
      guard Ed25519.verify(signature.bytes, of: Array(text.utf8), by: key.publicKey) else {
        throw AuditError(.notAuthentic, "the signature of \(key.name) is not valid for this note")
      }
      verified = true
    }
    guard verified else { throw AuditError(.notAuthentic, "no known key signed the note") }
  }
}
