import CCurl
import Glibc

/// Addresses that do not lead to the public internet: what a stranger's URL must not make this program call
/// (https://www.rfc-editor.org/rfc/rfc6890, and the IPv6 forms that carry an IPv4 address).
package enum PrivateAddress {
  /// - Parameter bytes: 4 of IPv4, or 16 of IPv6; anything else is private, as nobody knows where it leads.
  package static func contains(_ bytes: [UInt8]) -> Bool {
    switch bytes.count {
    case 4: return isPrivate4(bytes)
    case 16: return isPrivate6(bytes)
    default: return true
    }
  }

  private static func isPrivate4(_ bytes: [UInt8]) -> Bool {
    switch (bytes[0], bytes[1], bytes[2]) {
    case (0, _, _), (10, _, _), (127, _, _), (224..., _, _): true
    case (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 168, _), (198, 18...19, _): true
    case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113): true
    default: false
    }
  }

  private static func isPrivate6(_ bytes: [UInt8]) -> Bool {
    let last = Array(bytes[12...])
    // ::/96 and ::ffff:0:0/96, 64:ff9b::/96, 2002::/16: the IPv4 address inside is what is called.
    if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == bytes[11], bytes[10] == 0 || bytes[10] == 0xFF {
      return isPrivate4(last)
    }
    if bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return isPrivate4(last) }
    if bytes.starts(with: [0x20, 0x02]) { return isPrivate4(Array(bytes[2..<6])) }
    // Only 2000::/3 is given out (RFC 4291 §2.4); of it, 2001::/23 and the documentation's are not hosts'.
    return bytes[0] & 0xE0 != 0x20 || bytes.starts(with: [0x20, 0x01, 0x0D, 0xB8])
      || (bytes.starts(with: [0x20, 0x01]) && bytes[2] < 2)
  }

  /// What libcurl asks for a socket with, once the name is resolved (CURLOPT_OPENSOCKETFUNCTION(3)): looking here, and
  /// not at the name, leaves nothing between check and call.
  static func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    let found = unsafe address.pointee
    let size = found.family == AF_INET ? 4 : 16
    // sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address (ip(7), ipv6(7)).
    let offset = found.family == AF_INET ? 4 : 8
    guard found.family == AF_INET || found.family == AF_INET6, Int(found.addrlen) >= offset + size,
      let start = MemoryLayout<curl_sockaddr>.offset(of: \.addr)
    else { return CURL_SOCKET_BAD }
    let bytes = unsafe [UInt8](
      UnsafeRawBufferPointer(start: UnsafeRawPointer(address) + start + offset, count: size))
    guard !contains(bytes) else { return CURL_SOCKET_BAD }
    return socket(found.family, found.socktype | Int32(SOCK_CLOEXEC.rawValue), found.protocol)
  }
}
