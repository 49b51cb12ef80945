import CSodium

/// Diffie-Hellman on Curve25519 (RFC 7748).
package enum X25519 {
  package static let keySize = 32

  package static func publicKey(of secret: SecretBytes) -> [UInt8] {
    precondition(libraryIsReady && secret.count == keySize)
    return unsafe [UInt8](unsafeUninitializedCapacity: keySize) { buffer, filled in
      unsafe secret.withUnsafeBytes { (secret: UnsafeRawBufferPointer) in
        _ = unsafe crypto_scalarmult_base(
          buffer.baseAddress!, secret.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      filled = keySize
    }
  }

  /// - Throws: `.wrongSize`; `.weakKey` for a public key with which everybody would have the same secret.
  package static func shared(_ secret: SecretBytes, with publicKey: [UInt8]) throws(CryptographyError)
    -> SecretBytes
  {
    precondition(libraryIsReady && secret.count == keySize)
    guard publicKey.count == keySize else { throw .wrongSize }
    var isSound = false
    let shared = unsafe SecretBytes(count: keySize) { shared in
      unsafe secret.withUnsafeBytes { (secret: UnsafeRawBufferPointer) in
        isSound =
          unsafe crypto_scalarmult(
            shared.baseAddress!.assumingMemoryBound(to: UInt8.self),
            secret.baseAddress!.assumingMemoryBound(to: UInt8.self), publicKey) == 0
      }
    }
    guard isSound else { throw .weakKey }
    return shared
  }
}
