package import Model
import Sodium

/// Keyed hashes of a tenant's external ids: what the database knows a person or conversation by. Without the
/// root key nobody can tell whose they are, not even by trying names.
package struct TenantHasher: Sendable {
  private let key: SecretBytes

  init(root: SecretBytes, tenant: TenantID) {
    key = BLAKE2b.derive([root], context: Array("muniment/tenant-hash/v1/\(tenant.rawValue)".utf8))
  }

  /// 16 bytes. `domain` is a word that keeps equal texts of different meaning apart.
  package func hash(_ domain: String, _ text: String) -> [UInt8] { hash(domain, utf8: text.utf8) }

  private func hash(_ domain: String, utf8: some Collection<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(domain.utf8.count + 1 + utf8.count)
    bytes += domain.utf8
    bytes.append(0)
    bytes += utf8
    return BLAKE2b.hash(bytes, key: key, size: 16)
  }

  package func messageKey(_ id: String) -> MessageKey { messageKey(hash("message", id)) }

  /// Of an id's UTF-8.
  package func messageKey(_ id: ArraySlice<UInt8>) -> MessageKey { messageKey(hash("message", utf8: id)) }

  private func messageKey(_ hash: [UInt8]) -> MessageKey {
    MessageKey(high: Self.number(hash[..<8]), low: Self.number(hash[8...]))
  }

  package func route(_ conversation: String) -> RouteKey { RouteKey(rawValue: number("route", conversation)) }

  /// The first 8 bytes of ``hash(_:_:)``, big-endian.
  package func number(_ domain: String, _ text: String) -> Int64 { Self.number(hash(domain, text)[..<8]) }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
    Int64(bitPattern: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }
}
