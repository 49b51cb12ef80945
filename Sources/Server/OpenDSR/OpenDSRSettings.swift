package import KeyVault
import Model
import Sodium

/// How this installation shows itself to controllers (OpenDSR 2.0).
package struct OpenDSRSettings: Sendable {
  /// The processor's domain, which names our extension object.
  package var domain: String
  /// Where controllers reach this API, without a slash at its end; empty: results are named by their path alone.
  package var baseURL: String
  /// Whether callbacks may go to private addresses, and unencrypted: for controllers in the same network.
  package var allowsPrivateAddresses: Bool

  package init(domain: String = "localhost", baseURL: String = "", allowsPrivateAddresses: Bool = false) {
    self.domain = domain
    self.baseURL = baseURL
    self.allowsPrivateAddresses = allowsPrivateAddresses
  }
}

/// Signs replies and callbacks. OpenDSR asks for a key that a public authority has certified for the processor's
/// domain; without one, replies are signed by a key of the tenant's own, which discovery names and states as such.
package struct OpenDSRSigner: Sendable {
  package static let domainHeader = "X-OpenDSR-Processor-Domain"
  package static let signatureHeader = "X-OpenDSR-Signature"

  private let key: SigningKey
  private let domain: String

  package init(vault: KeyVault, tenant: Int64, domain: String) {
    key = vault.signingKey("opendsr/\(tenant)")
    self.domain = domain
  }

  /// Hexadecimal.
  package var publicKey: String { key.publicKey.hex }

  /// Over the SHA-256 of the body as it is sent.
  package func headers(_ body: [UInt8]) -> [(name: String, value: String)] {
    [
      (Self.domainHeader, domain),
      (Self.signatureHeader, key.sign(SHA256.hash(body)).base64()),
    ]
  }
}
