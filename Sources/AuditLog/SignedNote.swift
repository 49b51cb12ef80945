package import Sodium

/// A text with signatures below it, in the form of C2SP signed-note.
package struct SignedNote: Hashable, Sendable {
  static let signaturesMax = 64

  package struct Signature: Hashable, Sendable {
    package let name: String
    package let keyID: [UInt8]
    package let bytes: [UInt8]

    /// `nil` for anything that is not a line of a note's signatures.
    package init?(line: String) {
      let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, parts[0] == "\u{2014}", !parts[1].isEmpty,
        let bytes = [UInt8](base64: parts[2]),
        bytes.count > 4
      else { return nil }
      (name, keyID, self.bytes) = (parts[1], Array(bytes[..<4]), Array(bytes[4...]))
    }

    package var line: String { "\u{2014} \(name) \((keyID + bytes).base64())" }

    func isBy(_ key: NoteKey) -> Bool { key.name == name && key.keyID == keyID }

    /// Whether `key`, whose signature it says it is, made it over `text`.
    func verifies(_ text: String, by key: NoteKey) -> Bool {
      switch key.kind {
      case .ed25519: return Ed25519.verify(bytes, of: Array(text.utf8), by: key.publicKey)
      case .cosignature:
        guard bytes.count == 72 else { return false }
        let seconds = bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let signed = Array("cosignature/v1\ntime \(seconds)\n\(text)".utf8)
        return Ed25519.verify(Array(bytes[8...]), of: signed, by: key.publicKey)
      }
    }
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
      guard let signature = Signature(line: String(line)) else {
        throw AuditError(.notAuthentic, "the note has a malformed signature line")
      }
      signatures.append(signature)
    }
    self.signatures = signatures
  }

  /// At least one key of `keys` signed the text and none of them signed wrongly; unknown signers are ignored.
  package func verify(by keys: [NoteKey]) throws(AuditError) {
    guard try !signers(among: keys).isEmpty else {
      throw AuditError(.notAuthentic, "no known key signed the note")
    }
  }

  /// Which of `keys` signed the text; throws if one of them signed wrongly.
  package func signers(among keys: [NoteKey]) throws(AuditError) -> Set<NoteKey> {
    var found: Set<NoteKey> = []
    for signature in signatures {
      guard let key = keys.first(where: signature.isBy) else { continue }
      guard signature.verifies(text, by: key) else {
        throw AuditError(.notAuthentic, "the signature of \(key.name) is not valid for this note")
      }
      found.insert(key)
    }
    return found
  }
}
