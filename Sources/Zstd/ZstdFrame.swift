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

  /// Opens one frame of at most `limit` bytes and nothing behind it. The size in the frame is the sender's word: it is
  /// checked before memory is taken, and again by the result.
  package static func decompress(_ bytes: [UInt8], limit: Int, dictionary: ZstdDictionary? = nil)
    throws(ZstdError) -> [UInt8]
  {
    let declared = unsafe ZSTD_getFrameContentSize(bytes, bytes.count)
    guard declared != ZSTD_CONTENTSIZE_ERROR, declared != ZSTD_CONTENTSIZE_UNKNOWN else {
      throw ZstdError(.corrupt)
    }
    guard declared <= UInt64(max(limit, 0)) else { throw ZstdError(.tooLarge) }
    // zstd itself goes on to a second frame, or skips one.
    let length = unsafe ZSTD_findFrameCompressedSize(bytes, bytes.count)
    guard ZSTD_isError(length) == 0 else { throw ZstdError(result: length) }
    guard length == bytes.count else { throw ZstdError(.corrupt) }
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

  /// No block is larger (RFC 8878, 3.1.1.2.4).
  package static let blockBytesMax = 128 << 10
  /// Magic, no content size and a window of ``blockBytesMax``: what comes before the block's own header of three bytes.
  private static let blockPrefix: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, 0x38]

  /// What has to be kept of a frame.
  package enum Kept: Sendable {
    /// Its one block.
    case block([UInt8])
    /// All of it, where zstd makes one of another kind, as it does of what does not compress or is too large.
    case frame([UInt8])
  }

  /// As little of a frame as it can be opened from. It does not name the dictionary: whoever opens it must know.
  package static func compressLean(_ bytes: [UInt8], level: Int32, dictionary: ZstdDictionary?) -> Kept {
    let bound = ZSTD_compressBound(bytes.count)
    return unsafe compressors.lend { context -> Kept in
      defer { unsafe _ = ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters) }
      _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0)
      if let dictionary {
        _ = unsafe ZSTD_CCtx_refCDict(context, dictionary.compressor)
      } else {
        _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
      }
      return unsafe withUnsafeTemporaryAllocation(byteCount: bound, alignment: 16) { buffer -> Kept in
        let size = unsafe ZSTD_compress2(context, buffer.baseAddress, bound, bytes, bytes.count)
        precondition(ZSTD_isError(size) == 0, "zstd refused to compress into a buffer of its own bound")
        let frame = unsafe UnsafeRawBufferPointer(start: buffer.baseAddress, count: size)
        if bytes.count <= blockBytesMax, let start = unsafe onlyBlock(frame) {
          return unsafe .block(Array(frame[start...]))
        }
        return unsafe .frame(Array(frame))
      }
    }
  }

  /// Where a frame's block begins behind its header, if it is compressed and the last.
  private static func onlyBlock(_ frame: UnsafeRawBufferPointer) -> Int? {
    guard frame.count > 5 else { return nil }
    let descriptor = unsafe frame[4]
    let isSingle = descriptor & 0x20 != 0
    let sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
    let header = 5 + (isSingle ? 0 : 1) + sizeBytes
    guard descriptor & 7 == 0, frame.count > header + 3 else { return nil }
    let block = unsafe Int(frame[header]) | Int(frame[header + 1]) << 8 | Int(frame[header + 2]) << 16
    // Last, of the type compressed.
    guard block & 7 == 5, block >> 3 == frame.count - header - 3 else { return nil }
    return header + 3
  }

  /// Opens a block that ``compressLean(_:level:dictionary:)`` kept, to at most `limit` bytes and never more than
  /// ``blockBytesMax``.
  package static func decompressBlock(_ block: [UInt8], limit: Int, dictionary: ZstdDictionary?)
    throws(ZstdError) -> [UInt8]
  {
    guard !block.isEmpty, block.count <= blockBytesMax else { throw ZstdError(.corrupt) }
    let header = block.count << 3 | 5
    var frame: [UInt8] = []
    frame.reserveCapacity(blockPrefix.count + 3 + block.count)
    frame += blockPrefix
    for shift in [0, 8, 16] { frame.append(UInt8(truncatingIfNeeded: header >> shift)) }
    frame += block
    var result = 0
    let plain = unsafe decompressors.lend { context in
      unsafe withUnsafeTemporaryAllocation(byteCount: blockBytesMax, alignment: 16) { buffer -> [UInt8] in
        result = unsafe ZSTD_decompress_usingDDict(
          context, buffer.baseAddress, blockBytesMax, frame, frame.count, dictionary?.decompressor)
        guard ZSTD_isError(result) == 0 else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: buffer.baseAddress, count: result))
      }
    }
    guard ZSTD_isError(result) == 0 else { throw ZstdError(result: result) }
    guard plain.count <= limit else { throw ZstdError(.tooLarge) }
    return plain
  }
}
