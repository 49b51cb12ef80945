import CSodium

/// XChaCha20-Poly1305-IETF with a random 24-byte nonce in front: `nonce ‖ ciphertext ‖ tag`
/// (libsodium manual, "XChaCha20-Poly1305 construction"). Random nonces of this size do not repeat in practice.
package enum AEAD {
  package static let keySize = 32
  package static let nonceSize = 24
  package static let tagSize = 16
  package static let overhead = nonceSize + tagSize

  package static func seal(_ plaintext: [UInt8], key: SecretBytes, additional: [UInt8] = []) -> [UInt8] {
    seal(plaintext, key: key, nonce: Randomness.bytes(nonceSize), additional: additional)
  }

  /// With a nonce of the caller's, who answers for its never being used twice under `key`.
  package static func seal(_ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8], additional: [UInt8])
    -> [UInt8]
  {
    precondition(libraryIsReady && key.count == keySize && nonce.count == nonceSize)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + overhead) { buffer, filled in
      unsafe buffer.baseAddress!.update(from: nonce, count: nonceSize)
      unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
        _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
          buffer.baseAddress! + nonceSize, nil, plaintext, UInt64(plaintext.count), additional,
          UInt64(additional.count), nil, nonce, key.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      filled = plaintext.count + overhead
    }
  }

  /// The ciphertext and its tag, without the nonce: for readers who know it from elsewhere.
  package static func sealAlone(_ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8], additional: [UInt8])
    -> [UInt8]
  {
    precondition(libraryIsReady && key.count == keySize && nonce.count == nonceSize)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + tagSize) { buffer, filled in
      unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
        _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
          buffer.baseAddress!, nil, plaintext, UInt64(plaintext.count), additional,
          UInt64(additional.count), nil, nonce, key.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      filled = plaintext.count + tagSize
    }
  }

  /// Opens what ``sealAlone(_:key:nonce:additional:)`` made.
  package static func openAlone(_ sealed: [UInt8], key: SecretBytes, nonce: [UInt8], additional: [UInt8])
    throws(CryptographyError) -> [UInt8]
  {
    precondition(libraryIsReady && key.count == keySize && nonce.count == nonceSize)
    guard sealed.count >= tagSize else { throw .notAuthentic }
    let count = sealed.count - tagSize
    var authentic = false
    let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: max(count, 1)) { buffer, filled in
      unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
        authentic =
          unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
            buffer.baseAddress!, nil, nil, sealed, UInt64(sealed.count), additional,
            UInt64(additional.count), nonce, key.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 0
      }
      filled = authentic ? count : 0
    }
    guard authentic else { throw .notAuthentic }
    return plaintext
  }

  package static func open(_ sealed: [UInt8], key: SecretBytes, additional: [UInt8] = [])
    throws(CryptographyError) -> [UInt8]
  {
    precondition(libraryIsReady && key.count == keySize)
    guard sealed.count >= overhead else { throw .notAuthentic }
    let count = sealed.count - overhead
    var authentic = false
    let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: max(count, 1)) { buffer, filled in
      unsafe sealed.withUnsafeBufferPointer { (sealed: UnsafeBufferPointer<UInt8>) in
        unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
          authentic =
            unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
              buffer.baseAddress!, nil, nil, sealed.baseAddress! + nonceSize,
              UInt64(sealed.count - nonceSize), additional, UInt64(additional.count), sealed.baseAddress!,
              key.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 0
        }
      }
      filled = authentic ? count : 0
    }
    guard authentic else { throw .notAuthentic }
    return plaintext
  }
}
