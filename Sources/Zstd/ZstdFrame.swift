import CZstd

/// Whole frames in one call.
package enum ZstdFrame {
  private static let compressors = unsafe ContextPool(
    make: { unsafe ZSTD_createCCtx() }, free: { unsafe _ = ZSTD_freeCCtx($0) })
  private static let decompressors = unsafe ContextPool(
    make: { unsafe ZSTD_createDCtx() }, free: { unsafe _ = ZSTD_freeDCtx($0) })

  /// One frame that states its content's size.
  package static func compress(_ bytes: [UInt8], level: Int32 = 3) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    return unsafe compressors.lend { context in
      unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
        let size = unsafe ZSTD_compressCCtx(context, buffer.baseAddress, bound, bytes, bytes.count, level)
        precondition(ZSTD_isError(size) == 0, "zstd refused to compress into a buffer of its own bound")
        filled = size
      }
    }
  }

  /// The same with a dictionary, whose number the frame does not name: whoever opens it must know.
  package static func compress(_ bytes: [UInt8], dictionary: ZstdDictionary) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    return unsafe compressors.lend { context in
      defer { unsafe _ = ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters) }
      _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0)
      _ = unsafe ZSTD_CCtx_refCDict(context, dictionary.compressor)
      return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
        let size = unsafe ZSTD_compress2(context, buffer.baseAddress, bound, bytes, bytes.count)
        precondition(ZSTD_isError(size) == 0, "zstd refused to compress into a buffer of its own bound")
        filled = size
      }
    }
  }

  /// Opens one frame of at most `limit` bytes. The size in the frame is the sender's word: it is checked before
  /// memory is taken, and again by the result.
  package static func decompress(_ bytes: [UInt8], limit: Int, dictionary: ZstdDictionary? = nil)
    throws(ZstdError) -> [UInt8]
  {
    let declared = unsafe ZSTD_getFrameContentSize(bytes, bytes.count)
    guard declared != ZSTD_CONTENTSIZE_ERROR, declared != ZSTD_CONTENTSIZE_UNKNOWN else {
      throw ZstdError(.corrupt)
    }
    guard declared <= UInt64(max(limit, 0)) else { throw ZstdError(.tooLarge) }
    let count = Int(declared)
    var result = 0
    let plain = unsafe decompressors.lend { context in
      unsafe [UInt8](unsafeUninitializedCapacity: max(count, 1)) { buffer, filled in
        result = unsafe ZSTD_decompress_usingDDict(
          context, buffer.baseAddress, count, bytes, bytes.count, dictionary?.decompressor)
        filled = ZSTD_isError(result) == 0 ? result : 0
      }
    }
    guard ZSTD_isError(result) == 0 else { throw ZstdError(result: result) }
    guard result == count else { throw ZstdError(.truncated) }
    return plain
  }
}
