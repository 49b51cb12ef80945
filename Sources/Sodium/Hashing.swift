import CSodium

/// BLAKE2b (RFC 7693), keyed or not, 16 to 64 bytes out.
@safe
package struct BLAKE2b: ~Copyable {
  // On the heap: the state must be 64-byte aligned and must not move (libsodium manual, "Generic hashing").
  private let state: OpaquePointer
  private let memory: UnsafeMutableRawPointer
  private let size: Int

  package init(size: Int = 32) {
    precondition(libraryIsReady && (16...64).contains(size))
    unsafe memory = UnsafeMutableRawPointer.allocate(
      byteCount: crypto_generichash_statebytes(), alignment: 64)
    unsafe state = OpaquePointer(memory)
    self.size = size
    _ = unsafe crypto_generichash_init(state, nil, 0, size)
  }

  deinit { unsafe memory.deallocate() }

  package mutating func update(_ bytes: [UInt8]) {
    _ = unsafe crypto_generichash_update(state, bytes, UInt64(bytes.count))
  }

  package consuming func finish() -> [UInt8] {
    let size = size
    let state = unsafe state
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      _ = unsafe crypto_generichash_final(state, buffer.baseAddress!, size)
      filled = size
    }
  }

  package static func hash(_ bytes: [UInt8], size: Int = 32) -> [UInt8] {
    precondition(libraryIsReady && (16...64).contains(size))
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      _ = unsafe crypto_generichash(buffer.baseAddress!, size, bytes, UInt64(bytes.count), nil, 0)
      filled = size
    }
  }

  package static func hash(_ bytes: [UInt8], key: SecretBytes, size: Int = 32) -> [UInt8] {
    precondition(libraryIsReady && (16...64).contains(size) && (16...64).contains(key.count))
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
        _ = unsafe crypto_generichash(
          buffer.baseAddress!, size, bytes, UInt64(bytes.count),
          key.baseAddress!.assumingMemoryBound(to: UInt8.self), key.count)
      }
      filled = size
    }
  }

  /// A key derived from others: keyed BLAKE2b over `context`, the keys joined as the hash's key by hashing them
  /// in order first, so that any one of them missing makes the result unreachable.
  package static func derive(_ keys: [SecretBytes], context: [UInt8], size: Int = 32) -> SecretBytes {
    precondition(libraryIsReady && !keys.isEmpty)
    let total = keys.reduce(0) { $0 + $1.count }
    let joined = unsafe SecretBytes(count: total) { joined in
      var offset = 0
      for key in keys {
        unsafe key.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
          unsafe (joined.baseAddress! + offset).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        }
        offset += key.count
      }
    }
    let combined = unsafe SecretBytes(count: 64) { combined in
      unsafe joined.withUnsafeBytes { (joined: UnsafeRawBufferPointer) in
        _ = unsafe crypto_generichash(
          combined.baseAddress!.assumingMemoryBound(to: UInt8.self), 64,
          joined.baseAddress!.assumingMemoryBound(to: UInt8.self), UInt64(joined.count), nil, 0)
      }
    }
    return unsafe SecretBytes(count: size) { out in
      unsafe combined.withUnsafeBytes { (combined: UnsafeRawBufferPointer) in
        _ = unsafe crypto_generichash(
          out.baseAddress!.assumingMemoryBound(to: UInt8.self), size, context, UInt64(context.count),
          combined.baseAddress!.assumingMemoryBound(to: UInt8.self), 64)
      }
    }
  }
}

/// SHA-256 (FIPS 180-4): where a published format asks for it.
package enum SHA256 {
  package static func hash(_ bytes: [UInt8]) -> [UInt8] {
    precondition(libraryIsReady)
    return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
      _ = unsafe crypto_hash_sha256(buffer.baseAddress!, bytes, UInt64(bytes.count))
      filled = 32
    }
  }
}

/// SHA-256 over bytes that arrive in pieces.
@safe
package struct SHA256Stream: ~Copyable {
  private let state = UnsafeMutablePointer<crypto_hash_sha256_state>.allocate(capacity: 1)

  package init() {
    precondition(libraryIsReady)
    _ = unsafe crypto_hash_sha256_init(state)
  }

  deinit { unsafe state.deallocate() }

  package mutating func update(_ bytes: [UInt8]) {
    _ = unsafe crypto_hash_sha256_update(state, bytes, UInt64(bytes.count))
  }

  package consuming func finish() -> [UInt8] {
    let state = unsafe state
    return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
      _ = unsafe crypto_hash_sha256_final(state, buffer.baseAddress!)
      filled = 32
    }
  }
}

/// HMAC-SHA-256 (RFC 2104) with a key of any length.
package enum HMACSHA256 {
  package static func authenticate(_ bytes: [UInt8], key: SecretBytes) -> [UInt8] {
    precondition(libraryIsReady)
    return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
      unsafe withUnsafeTemporaryAllocation(of: crypto_auth_hmacsha256_state.self, capacity: 1) { state in
        unsafe key.withUnsafeBytes { (key: UnsafeRawBufferPointer) in
          _ = unsafe crypto_auth_hmacsha256_init(
            state.baseAddress!, key.baseAddress!.assumingMemoryBound(to: UInt8.self), key.count)
        }
        _ = unsafe crypto_auth_hmacsha256_update(state.baseAddress!, bytes, UInt64(bytes.count))
        _ = unsafe crypto_auth_hmacsha256_final(state.baseAddress!, buffer.baseAddress!)
        unsafe sodium_memzero(state.baseAddress!, MemoryLayout<crypto_auth_hmacsha256_state>.size)
      }
      filled = 32
    }
  }
}

/// HKDF with SHA-256 (RFC 5869), up to 32 bytes out.
package enum HKDFSHA256 {
  /// - Parameter salt: empty: none.
  package static func derive(_ input: SecretBytes, salt: [UInt8], info: String) -> SecretBytes {
    var plain = input.copiedBytes
    defer { SecretBytes.zero(&plain) }
    // RFC 5869 §2.2: no salt is as many zeros as the hash has bytes.
    let salt = SecretBytes(salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt)
    var extracted = HMACSHA256.authenticate(plain, key: salt)
    var expanded = HMACSHA256.authenticate(Array(info.utf8) + [1], key: SecretBytes(extracted))
    defer {
      SecretBytes.zero(&extracted)
      SecretBytes.zero(&expanded)
    }
    return SecretBytes(expanded)
  }
}
