package import KeyVault
package import Model
import Sodium

/// Signs replies and callbacks. OpenDSR asks for a key that a public authority has certified for the processor's
/// domain; without one, they are signed by a key of the tenant's own, which discovery names and states as such.
package struct OpenDSRSigner: Sendable {
  private let key: SigningKey
  private let certificate: ProcessorCertificate?
  private let domain: String

  /// - Throws: ``ProcessorCertificate/Refusal``: a certificate is configured and cannot be used.
  package init(vault: KeyVault, tenant: TenantID, settings: OpenDSRSettings, at now: Timestamp)
    throws(ProcessorCertificate.Refusal)
  {
    certificate = try settings.processorCertificate(at: now)
    key = vault.signingKey("opendsr/\(tenant.rawValue)")
    domain = settings.domain
  }

  /// Whether an authority has certified the key.
  package var isCertified: Bool { certificate != nil }
  package var algorithm: String { certificate?.algorithmName ?? "Ed25519" }
  /// Hexadecimal, of the tenant's own key; `nil`: the certificate has it.
  package var publicKey: String? { certificate == nil ? key.publicKey.hex : nil }

  /// Over the SHA-256 of the body as it is sent, under the names of both versions of the standard.
  package func headers(_ body: [UInt8]) throws -> [(name: String, value: String)] {
    let signature = try certificate?.sign(body) ?? key.sign(SHA256.hash(body))
    return ["X-OpenDSR", "X-OpenGDPR"].flatMap { standard in
      [
        (standard + "-Processor-Domain", domain),
        (standard + "-Signature", signature.base64()),
      ]
    }
  }
}
