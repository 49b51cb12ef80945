import Foundation
package import Sodium

/// Who signs requests.
package struct S3Credentials: Sendable {
  package let accessKeyID: String
  package let secretAccessKey: SecretBytes
  package let sessionToken: String?

  package init(accessKeyID: String, secretAccessKey: SecretBytes, sessionToken: String? = nil) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
  }
}

/// A bucket of an S3 service, and the prefix all our objects have in it.
package struct S3Location: Sendable {
  package let bucket: String
  /// Without slashes at its ends; empty: none.
  package let prefix: String
  package let region: String
  /// Scheme and authority: `https://host:port`.
  let origin: String
  /// What the `Host` header says.
  let host: String
  /// The bucket comes first in the path rather than in the host name.
  let isPathStyle: Bool

  /// - Parameters:
  ///   - endpoint: `http` or `https`, host and port of a service of one's own; `nil`: AWS.
  /// - Returns: `nil` if the bucket's name or the endpoint is not one.
  package init?(bucket: String, prefix: String, region: String, endpoint: String?) {
    guard Self.isBucket(bucket), !region.isEmpty, region.utf8.allSatisfy(Self.isNameByte) else { return nil }
    self.bucket = bucket
    self.prefix = prefix.split(separator: "/").joined(separator: "/")
    self.region = region
    if let endpoint {
      guard let url = URL(string: endpoint), let scheme = url.scheme?.lowercased(),
        ["http", "https"].contains(scheme), let name = url.host, !name.isEmpty, url.query == nil,
        url.user == nil, ["", "/"].contains(url.path)
      else { return nil }
      isPathStyle = true
      host = url.port.map { "\(name):\($0)" } ?? name
      origin = "\(scheme)://\(host)"
    } else {
      // A wildcard certificate covers no bucket name with dots in it.
      isPathStyle = bucket.contains(".")
      let service = "s3.\(region).amazonaws.com"
      host = isPathStyle ? service : "\(bucket).\(service)"
      origin = "https://\(host)"
    }
  }

  /// The object's key: the prefix and its name.
  func key(_ name: String) -> String { prefix.isEmpty ? name : prefix + "/" + name }

  /// The percent-encoded path of an object, or of the bucket itself.
  func path(_ key: String?) -> String {
    let bucket = isPathStyle ? "/" + bucket : ""
    guard let key else { return bucket.isEmpty ? "/" : bucket }
    return bucket + "/" + S3Encoding.path(key)
  }

  /// By the rules for new buckets: 3 to 63 lower-case letters, digits, hyphens and dots.
  private static func isBucket(_ name: String) -> Bool {
    (3...63).contains(name.utf8.count) && name.utf8.allSatisfy { isNameByte($0) || $0 == 0x2e }
      && name.first != "." && name.first != "-" && !name.contains("..")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2d
  }
}

/// Percent-encoding as signatures want it: everything but unreserved characters (RFC 3986 §2.3), in upper case.
enum S3Encoding {
  static func query(_ text: String) -> String { encoded(text, keeping: []) }

  /// Encoded once, never normalised; slashes stay.
  static func path(_ key: String) -> String { encoded(key, keeping: [0x2f]) }

  private static func encoded(_ text: String, keeping kept: Set<UInt8>) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if isUnreserved(byte) || kept.contains(byte) {
        bytes.append(byte)
      } else {
        bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x41...0x5a, 0x61...0x7a, 0x30...0x39, 0x2d, 0x2e, 0x5f, 0x7e: true
    default: false
    }
  }
}
