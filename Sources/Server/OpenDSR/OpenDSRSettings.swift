package import Model

/// How this installation shows itself to controllers (OpenDSR 2.0).
package struct OpenDSRSettings: Sendable {
  /// The processor's domain, which names our extension object.
  package var domain: String
  /// Where controllers reach this API, without a slash at its end; empty: results are named by their path alone.
  package var baseURL: String
  /// Whether callbacks may go to private addresses, and unencrypted: for controllers in the same network.
  package var allowsPrivateAddresses: Bool
  /// What signs replies and callbacks; `nil`: a key of the tenant's own, which nobody has certified.
  package var certificate: ProcessorCertificate.Files?

  package init(
    domain: String = "localhost", baseURL: String = "", allowsPrivateAddresses: Bool = false,
    certificate: ProcessorCertificate.Files? = nil
  ) {
    self.domain = domain
    self.baseURL = baseURL
    self.allowsPrivateAddresses = allowsPrivateAddresses
    self.certificate = certificate
  }

  /// Where controllers find the certificate; on the processor's own domain, as the standard wants it.
  package var certificateURL: String {
    let own = "https://\(domain)"
    // A name that only begins like the domain is somebody else's.
    let isOwn = baseURL == own || baseURL.hasPrefix(own + "/") || baseURL.hasPrefix(own + ":")
    return (isOwn ? baseURL : own) + "/v2/certificate"
  }

  /// As it lies there now.
  package func processorCertificate(at now: Timestamp) throws(ProcessorCertificate.Refusal)
    -> ProcessorCertificate?
  {
    guard let certificate else { return nil }
    return try ProcessorCertificate(certificate, domain: domain, at: now)
  }
}
