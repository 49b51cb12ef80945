import Foundation
package import Model
import SwiftASN1
import X509

/// The key that a public authority certified for the processor's domain (RFC 5280), as OpenDSR 2.0 wants replies and
/// callbacks signed.
package struct ProcessorCertificate: Sendable {
  /// Where it lies. Both files are read for every use, so that a renewed certificate counts at once.
  package struct Files: Sendable, Equatable {
    /// PEM: the processor's own certificate, then those that lead up to the authority's.
    package let certificate: String
    /// PEM, RSA or elliptic curve, readable by its owner alone.
    package let key: String

    package init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// Why it cannot be used. Names files, never what is in them.
  package struct Refusal: Error, CustomStringConvertible {
    package let description: String
  }

  /// The chain, without whatever else is in its file.
  package let pem: String
  package let notAfter: Timestamp
  private let key: Certificate.PrivateKey
  private let algorithm: Certificate.SignatureAlgorithm

  /// - Throws: ``Refusal`` for files that cannot be read, a certificate that is not valid at `now`, not for `domain`,
  ///   self-signed (which OpenDSR forbids) or not of this key, or a chain whose signatures do not lead on.
  package init(_ files: Files, domain: String, at now: Timestamp) throws(Refusal) {
    let own: Certificate
    (own, pem) = try Self.chain(files.certificate)
    notAfter = own.notValidAfter.timestamp
    guard own.notValidBefore.timestamp <= now, now <= notAfter else {
      throw Refusal(
        description:
          "the certificate in \(files.certificate) is valid from \(own.notValidBefore.timestamp) to \(notAfter) only"
      )
    }
    guard own.issuer != own.subject else {
      throw Refusal(
        description: "the certificate in \(files.certificate) is self-signed, which OpenDSR does not take")
    }
    guard Self.names(of: own).contains(where: { Self.covers($0, domain) }) else {
      throw Refusal(
        description:
          "the certificate in \(files.certificate) does not name \(domain), which opendsr.domain does")
    }
    key = try Self.key(files.key)
    guard key.publicKey == own.publicKey else {
      throw Refusal(
        description: "the key in \(files.key) is not that of the certificate in \(files.certificate)")
    }
    let usable: [Certificate.SignatureAlgorithm] = [.ecdsaWithSHA256, .sha256WithRSAEncryption]
    guard let algorithm = usable.first(where: key.supportedSignatureAlgorithms.contains) else {
      throw Refusal(description: "the key in \(files.key) is neither RSA nor ECDSA (FIPS 186-4)")
    }
    self.algorithm = algorithm
  }

  /// As discovery names it.
  package var algorithmName: String {
    algorithm == .ecdsaWithSHA256 ? "ECDSA with SHA-256" : "RSA PKCS #1 v1.5 with SHA-256"
  }

  /// Over the SHA-256 of `body` (FIPS 186-4): for ECDSA the DER of r and s.
  package func sign(_ body: [UInt8]) throws -> [UInt8] {
    try key.sign(bytes: body, signatureAlgorithm: algorithm).rawRepresentation
  }

  private static func text(_ path: String) throws(Refusal) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Refusal(description: "\(path) cannot be read")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// The processor's own certificate and, as PEM, all of them.
  private static func chain(_ path: String) throws(Refusal) -> (own: Certificate, pem: String) {
    let text = try text(path)
    let chain: [Certificate]
    let pem: String
    do {
      chain = try PEMDocument.parseMultiple(pemString: text).map { try Certificate(pemDocument: $0) }
      pem = try chain.map { try $0.serializeAsPEM().pemString + "\n" }.joined()
    } catch {
      throw Refusal(description: "\(path) is not a chain of certificates in PEM")
    }
    guard let own = chain.first else { throw Refusal(description: "\(path) has no certificate") }
    for (lower, upper) in zip(chain, chain.dropFirst()) {
      guard lower.issuer == upper.subject, upper.publicKey.isValidSignature(lower.signature, for: lower)
      else {
        throw Refusal(
          description: "the certificates in \(path) do not follow one another up to the authority's")
      }
    }
    return (own, pem)
  }

  private static func key(_ path: String) throws(Refusal) -> Certificate.PrivateKey {
    let text = try text(path)
    // Of the file itself: who renews certificates often leaves a link to the newest, and a link is everybody's.
    let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let permissions = try? FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    guard let permissions, permissions & 0o077 == 0 else {
      throw Refusal(description: "others than its owner have access to \(path); run `chmod 600 \(path)`")
    }
    do {
      return try Certificate.PrivateKey(pemEncoded: text)
    } catch {
      throw Refusal(description: "\(path) is not a private key in PEM without a passphrase")
    }
  }

  /// RFC 6125: names of hosts are those of the extension, whatever the subject says.
  private static func names(of certificate: Certificate) -> [String] {
    let names = try? certificate.extensions.subjectAlternativeNames
    return (names.map(Array.init) ?? []).compactMap { name in
      if case .dnsName(let host) = name { host.lowercased() } else { nil }
    }
  }

  /// A star stands for one whole label, the first (RFC 6125, 6.4.3).
  private static func covers(_ name: String, _ domain: String) -> Bool {
    if name == domain { return true }
    guard name.hasPrefix("*."), let dot = domain.firstIndex(of: ".") else { return false }
    return name.dropFirst() == domain[dot...]
  }
}

extension Date {
  fileprivate var timestamp: Timestamp {
    Timestamp(microseconds: Int64((timeIntervalSince1970 * 1_000_000).rounded()))
  }
}
