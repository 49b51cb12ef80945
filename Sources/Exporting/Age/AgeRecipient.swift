/// Whom a file is encrypted to: an X25519 public key, written `age1…` (C2SP, "The age file encryption format").
package struct AgeRecipient: Sendable, Hashable {
  /// As people exchange it.
  package let text: String
  /// 32 bytes.
  let publicKey: [UInt8]

  /// - Throws: `.badRecipient` for anything but `age1…` with a right checksum, in lower case.
  package init(_ text: String) throws(AgeError) {
    guard let decoded = Bech32.decode(text), decoded.kind == "age", decoded.bytes.count == 32 else {
      throw AgeError(.badRecipient)
    }
    self.text = text
    publicKey = decoded.bytes
  }
}

package struct AgeError: Error, Hashable, CustomStringConvertible {
  package enum Code: Sendable {
    case badRecipient, noRecipients
  }
  package let code: Code

  init(_ code: Code) { self.code = code }

  package var description: String {
    switch code {
    case .badRecipient:
      "a recipient is written age1… and 58 more letters and digits, as `age-keygen` prints it"
    case .noRecipients: "there is nobody to encrypt to"
    }
  }
}
