import CSodium

/// ChaCha20-Poly1305 with 12-byte nonces (RFC 8439): where a published format asks for it. Elsewhere ``AEAD``, whose
/// nonces may be random.
package enum ChaCha20Poly1305 {
  package static let keySize = 32
  package static let nonceSize = 12
  package static let tagSize = 16

  /// The ciphertext and its tag. The caller answers for the nonce never being used twice under `key`.
  package static func seal(_ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8]) -> [UInt8] {
    precondition(libraryIsReady && key.count == keySize && nonce.count == nonceSize)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + tagSize) { buffer, filled in
      unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
        _ = unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
          buffer.baseAddress!, nil, plaintext, UInt64(plaintext.count), nil, 0, nil, nonce,
          key.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      filled = plaintext.count + tagSize
    }
  }
}
