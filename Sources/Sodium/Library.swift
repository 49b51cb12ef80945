import CSodium

/// libsodium must be initialised before its first use (manual, "Usage"); every entry of this target reads this.
let libraryIsReady: Bool = {
  // A failed start would mean weak randomness: nothing may go on.
  precondition(sodium_init() >= 0, "libsodium could not be initialised")
  return true
}()

/// A cryptographic operation refused its input: a wrong key, changed bytes, a bad signature, or bytes too short.
package struct CryptographyError: Error, Hashable, CustomStringConvertible {
  package enum Code: Sendable { case notAuthentic, wrongSize, weakKey }
  package let code: Code
  package var description: String {
    switch code {
    case .notAuthentic: "the bytes are not authentic under this key"
    case .wrongSize: "a key, nonce or signature has the wrong size"
    case .weakKey: "a public key is none that keeps anything secret"
    }
  }
  package static let notAuthentic = CryptographyError(code: .notAuthentic)
  package static let wrongSize = CryptographyError(code: .wrongSize)
  package static let weakKey = CryptographyError(code: .weakKey)
}

package enum Randomness {
  package static func bytes(_ count: Int) -> [UInt8] {
    precondition(libraryIsReady)
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      if let base = buffer.baseAddress { unsafe randombytes_buf(base, count) }
      filled = count
    }
  }

  /// A positive random 63-bit number, never zero.
  package static func identifier() -> Int64 {
    let value = bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1
    return value == 0 ? identifier() : Int64(value)
  }
}
