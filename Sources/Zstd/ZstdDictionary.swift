import CZstd

/// Text that frames may refer to instead of repeating it (RFC 8878, section 5): what makes small frames small.
@safe
package final class ZstdDictionary: Sendable {
  package let bytes: [UInt8]
  // Both are only read after they are made, which zstd allows from many threads at once (zstd.h, "ZSTD_CDict").
  nonisolated(unsafe) let compressor: OpaquePointer
  nonisolated(unsafe) let decompressor: OpaquePointer

  package static let bytesMax = 1 << 20
  package static let bytesMin = 8

  /// A dictionary as zstd trains them, or any text. `level` is that of the frames made with it.
  package init(_ bytes: [UInt8], level: Int32) throws(ZstdError) {
    guard (Self.bytesMin...Self.bytesMax).contains(bytes.count) else { throw ZstdError(.tooLarge) }
    guard let compressor = unsafe ZSTD_createCDict(bytes, bytes.count, level) else {
      throw ZstdError(.corrupt)
    }
    guard let decompressor = unsafe ZSTD_createDDict(bytes, bytes.count) else {
      unsafe _ = ZSTD_freeCDict(compressor)
      throw ZstdError(.corrupt)
    }
    self.bytes = bytes
    unsafe self.compressor = compressor
    unsafe self.decompressor = decompressor
  }

  deinit {
    unsafe _ = ZSTD_freeCDict(compressor)
    unsafe _ = ZSTD_freeDDict(decompressor)
  }

  /// Puts the statistics of samples in front of `content`, as zstd's own training does: how often which byte and which
  /// length occur, and nothing of the samples' text. `nil` where zstd finds too little to count.
  package static func finalized(_ content: [UInt8], samples: [[UInt8]], level: Int32) -> [UInt8]? {
    let joined = samples.flatMap { $0 }
    let sizes = samples.map(\.count)
    let capacity = content.count + (4 << 10)
    let parameters = ZDICT_params_t(compressionLevel: level, notificationLevel: 0, dictID: 0)
    var result = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
      result = unsafe ZDICT_finalizeDictionary(
        buffer.baseAddress!, capacity, content, content.count, joined, sizes, UInt32(sizes.count), parameters)
      filled = ZDICT_isError(result) == 0 ? result : 0
    }
    return ZDICT_isError(result) == 0 ? bytes : nil
  }
}
