import Foundation
package import Model
package import Sodium

/// Makes and checks the API's tokens: JWTs (RFC 7519) signed with EdDSA by a key of this home or, where a shared
/// secret is set, with HS256.
package struct AccessTokens: Sendable {
  private let signer: SigningKey
  private let sharedSecret: SecretBytes?

  /// Longest token that is looked at, in bytes.
  static let bytesMax = 8_192
  /// How far the clocks of issuer and server may be apart, in seconds.
  private static let leewaySeconds: Int64 = 30

  package init(signer: SigningKey, sharedSecret: String?) {
    self.signer = signer
    self.sharedSecret = sharedSecret.map { SecretBytes(Array($0.utf8)) }
  }

  package struct Made: Sendable {
    package let token: String
    package let id: String
    package let expiresAt: Timestamp
  }

  private struct Header: Codable {
    var alg: String
    var typ: String?
    var kid: String?
    /// Extensions that must be understood (RFC 7515 §4.1.11): none are.
    var crit: [String]?
  }

  private struct Claims: Codable {
    var sub: String
    var tenant: String?
    var roles: [String]
    var exp: Double
    var nbf: Double?
    var iat: Double?
    var jti: String?
  }

  /// A token signed by this home's own key.
  package func make(_ principal: Principal, ttlSeconds: Int64, at now: Timestamp) throws -> Made {
    let seconds = now.microseconds / 1_000_000
    let id = Randomness.bytes(16).base64(.urlSafe)
    let header = Header(alg: "EdDSA", typ: "JWT", kid: keyID)
    let claims = Claims(
      sub: principal.subject, tenant: principal.tenant, roles: principal.roles.map(\.rawValue).sorted(),
      exp: Double(seconds + ttlSeconds), nbf: nil, iat: Double(seconds), jti: id)
    let signed = try "\(Self.encoded(header)).\(Self.encoded(claims))"
    let token = "\(signed).\(signer.sign(Array(signed.utf8)).base64(.urlSafe))"
    return Made(token: token, id: id, expiresAt: Timestamp(seconds: seconds + ttlSeconds))
  }

  /// Whom the token names, or why it is refused. The algorithm decides which key is used, never the other way
  /// round: a public key is never taken for a secret, and `none` is no algorithm.
  func verify(_ token: String, at now: Timestamp) throws(TokenRefusal) -> Principal {
    guard token.utf8.count <= Self.bytesMax else { throw .malformed }
    let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let signature = [UInt8](base64: parts[2], .urlSafe),
      let header: Header = Self.decoded(parts[0]), header.crit == nil
    else { throw .malformed }
    let signed = Array("\(parts[0]).\(parts[1])".utf8)
    switch header.alg {
    case "EdDSA":
      guard Ed25519.verify(signature, of: signed, by: signer.publicKey) else { throw .badSignature }
    case "HS256":
      guard let sharedSecret else { throw .badSignature }
      guard SecretBytes.equal(signature, HMACSHA256.authenticate(signed, key: sharedSecret)) else {
        throw .badSignature
      }
    default: throw .badSignature
    }
    guard let claims: Claims = Self.decoded(parts[1]) else { throw .malformed }
    return try principal(claims, at: now)
  }

  private func principal(_ claims: Claims, at now: Timestamp) throws(TokenRefusal) -> Principal {
    let seconds = Double(now.microseconds) / 1_000_000
    guard claims.exp.isFinite, seconds < claims.exp + Double(Self.leewaySeconds) else { throw .expired }
    if let begins = claims.nbf, seconds + Double(Self.leewaySeconds) < begins { throw .notYet }
    let roles = claims.roles.compactMap(Role.init(rawValue:))
    guard roles.count == claims.roles.count, !roles.isEmpty, (1...256).contains(claims.sub.utf8.count) else {
      throw .malformed
    }
    return Principal(subject: claims.sub, tenant: claims.tenant, roles: Set(roles))
  }

  /// Tells keys apart; no secret.
  private var keyID: String { BLAKE2b.hash(signer.publicKey, size: 16).hex }

  private static func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)).base64(.urlSafe)
  }

  private static func decoded<Part: Decodable>(_ text: String) -> Part? {
    guard let bytes = [UInt8](base64: text, .urlSafe) else { return nil }
    return try? JSONDecoder().decode(Part.self, from: Data(bytes))
  }
}

/// Why a token is not taken.
enum TokenRefusal: Error, CustomStringConvertible {
  case malformed, badSignature, expired, notYet

  var description: String {
    switch self {
    case .malformed: "the access token is not one this server reads"
    case .badSignature: "the access token's signature is not accepted"
    case .expired: "the access token has expired"
    case .notYet: "the access token is not valid yet"
    }
  }
}
