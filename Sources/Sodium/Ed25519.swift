import CSodium

/// An Ed25519 key pair (RFC 8032) that signs; made from a 32-byte seed.
package struct SigningKey: Sendable {
  private let secret: SecretBytes
  /// 32 bytes.
  package let publicKey: [UInt8]

  package init(seed: SecretBytes) throws(CryptographyError) {
    precondition(libraryIsReady)
    guard seed.count == crypto_sign_seedbytes() else { throw .wrongSize }
    var publicKey = [UInt8](repeating: 0, count: 32)
    secret = unsafe SecretBytes(count: 64, guarded: true) { secret in
      unsafe seed.withUnsafeBytes { (seed: UnsafeRawBufferPointer) in
        _ = unsafe crypto_sign_seed_keypair(
          &publicKey, secret.baseAddress!.assumingMemoryBound(to: UInt8.self),
          seed.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
    }
    self.publicKey = publicKey
  }

  /// A 64-byte signature.
  package func sign(_ message: [UInt8]) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 64) { buffer, filled in
      unsafe secret.withUnsafeBytes { (secret: UnsafeRawBufferPointer) in
        _ = unsafe crypto_sign_detached(
          buffer.baseAddress!, nil, message, UInt64(message.count),
          secret.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      filled = 64
    }
  }
}

package enum Ed25519 {
  package static func verify(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
    precondition(libraryIsReady)
    guard signature.count == 64, publicKey.count == 32 else { return false }
    return unsafe crypto_sign_verify_detached(signature, message, UInt64(message.count), publicKey) == 0
  }
}
