import CSodium

/// Key material: its own memory, zeroed when the last reference goes, never printed, compared in constant time.
///
/// `guarded` memory comes from `sodium_malloc` (guard pages, locked, canary): for the few long-lived keys.
/// The many short-lived lane keys use plain memory, as guarded pages cost 12 KiB and a lock each.
@safe
package final class SecretBytes: @unchecked Sendable {
  // @unchecked: written only in `init`, read-only afterwards, freed in `deinit`.
  private let memory: UnsafeMutableRawPointer
  private let guarded: Bool
  package let count: Int

  package init(
    count: Int, guarded: Bool = false, filling: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows {
    precondition(libraryIsReady && count > 0)
    guard let memory = unsafe guarded ? sodium_malloc(count) : malloc(count) else {
      preconditionFailure("out of memory for keys")
    }
    unsafe self.memory = unsafe memory
    self.guarded = guarded
    self.count = count
    try unsafe filling(UnsafeMutableRawBufferPointer(start: memory, count: count))
  }

  package convenience init(random count: Int, guarded: Bool = false) {
    unsafe self.init(count: count, guarded: guarded) { unsafe randombytes_buf($0.baseAddress!, $0.count) }
  }

  /// Copies bytes that lie in ordinary memory; the caller's copy is not zeroed.
  package convenience init(_ bytes: [UInt8], guarded: Bool = false) {
    unsafe self.init(count: bytes.count, guarded: guarded) { unsafe $0.copyBytes(from: bytes) }
  }

  deinit {
    unsafe sodium_memzero(memory, count)
    if guarded { unsafe sodium_free(memory) } else { unsafe free(memory) }
  }

  /// Lends the bytes for the length of the call.
  package func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try unsafe body(UnsafeRawBufferPointer(start: memory, count: count))
  }

  /// For wrapping under another key only. The copy lies in ordinary memory: zero it with ``zero(_:)``.
  package var copiedBytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  package static func zero(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { (buffer: UnsafeMutableRawBufferPointer) in
      if let base = buffer.baseAddress { unsafe sodium_memzero(base, buffer.count) }
    }
  }

  /// Equality in time that does not depend on where the difference is.
  package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    guard !left.isEmpty else { return true }
    return unsafe sodium_memcmp(left, right, left.count) == 0
  }
}
