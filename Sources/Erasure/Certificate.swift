import Foundation
import Model
import Sodium

/// What was erased, what remains until when and on what ground: signed, in a DSSE envelope
/// (https://github.com/secure-systems-lab/dsse), so that other people's tools can check it.
package struct Certificate: Codable, Sendable {
  package struct Statement: Codable, Sendable {
    package struct Remains: Codable, Hashable, Sendable {
      package var what: String
      package var until: String
      package var ground: String
    }

    package var type = "https://muniment.dev/erasure-certificate/v1"
    package var id: String
    package var tenant: String
    /// Keyed hash: whoever holds the tenant's key can tell whether it is about a given person; nobody else can.
    package var subjectHash: String
    /// `complete`, or `partial` where messages stay for holds or locked floors; absent in what older versions wrote.
    package var status: String?
    /// What was erased: `subject_in_conversation`, `conversation` or `message`; absent: a person.
    package var scope: String?
    package var requestedAt: String
    package var completedAt: String
    package var stores: ErasureSteps
    package var verification: String
    package var remains: [Remains]
    package var notCovered: [String]
    package var auditIndex: Int64
    package var auditCheckpoint: String
    package var auditProof: [String]

    enum CodingKeys: String, CodingKey {
      case type, id, tenant, status, scope, stores, verification, remains
      case subjectHash = "subject_hash"
      case requestedAt = "requested_at"
      case completedAt = "completed_at"
      case notCovered = "not_covered"
      case auditIndex = "audit_index"
      case auditCheckpoint = "audit_checkpoint"
      case auditProof = "audit_proof"
    }
  }
  package struct Signature: Codable, Sendable {
    package var keyid: String
    package var sig: String
  }

  package var payloadType: String
  package var payload: String
  package var signatures: [Signature]
  /// Hexadecimal Ed25519 public key; compare it with the one `muniment keys status` shows.
  package var publicKey: String

  enum CodingKeys: String, CodingKey {
    case payloadType, payload, signatures
    case publicKey = "public_key"
  }

  private static let mediaType = "application/vnd.muniment.erasure+json"

  init(_ statement: Statement, signer: SigningKey) throws {
    let payload = Array(try ErasureService.json(statement).utf8)
    payloadType = Self.mediaType
    self.payload = payload.base64()
    publicKey = signer.publicKey.hex
    signatures = [
      Signature(
        keyid: BLAKE2b.hash(signer.publicKey, size: 16).hex,
        sig: signer.sign(Self.authenticated(Self.mediaType, payload)).base64())
    ]
  }

  package init(json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }

  /// DSSE's pre-authentication encoding.
  private static func authenticated(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
  }

  package func statement() throws -> Statement {
    guard let bytes = [UInt8](base64: payload) else { throw MalformedBytes("certificate payload") }
    return try JSONDecoder().decode(Statement.self, from: Data(bytes))
  }

  /// Whether the signature fits payload and key; needs nothing but the certificate. With `trusted`, also whether
  /// it is that key's.
  package func isAuthentic(trusted: [UInt8]? = nil) -> Bool {
    guard let payload = [UInt8](base64: payload), let key = [UInt8](hex: publicKey),
      let signature = signatures.first.flatMap({ [UInt8](base64: $0.sig) }), trusted == nil || trusted == key
    else { return false }
    return Ed25519.verify(signature, of: Self.authenticated(payloadType, payload), by: key)
  }
}
