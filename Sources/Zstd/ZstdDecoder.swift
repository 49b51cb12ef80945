import CZstd

/// Opens a stream of zstd frames (RFC 8878) piece by piece, in bounded memory.
@safe
package struct ZstdDecoder: ~Copyable {
  private let stream: OpaquePointer
  private var atFrameEnd = true
  private var started = false

  /// Largest window a frame may ask for: 128 MiB, as `zstd --long=27` makes them.
  package static let windowLogMax: Int32 = 27
  package static let pieceBytesMax = 1 << 17

  package init() {
    guard let stream = unsafe ZSTD_createDStream() else {
      preconditionFailure("out of memory for a zstd stream")
    }
    unsafe self.stream = stream
    _ = unsafe ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.windowLogMax)
  }

  deinit { unsafe _ = ZSTD_freeDStream(stream) }

  /// Hands what `input` gives to `output`, in pieces of at most ``pieceBytesMax`` bytes. Throws ``ZstdError``, or
  /// what `output` throws; the decoder is of no use afterwards.
  package mutating func decode(_ input: [UInt8], _ output: ([UInt8]) throws -> Void) throws {
    var position = 0
    var isFull = false
    // Not called again without input at the end of a frame: zstd would take that for the start of the next.
    while position < input.count || isFull {
      let step = step(input, from: position)
      guard ZSTD_isError(step.result) == 0 else { throw ZstdError(result: step.result) }
      position = step.position
      started = true
      atFrameEnd = step.result == 0
      isFull = !atFrameEnd && step.piece.count == Self.pieceBytesMax
      if !step.piece.isEmpty { try output(step.piece) }
    }
  }

  /// Call after the last input: a stream that stops inside a frame, or before the first, was cut.
  package func finish() throws(ZstdError) {
    guard atFrameEnd, started else { throw ZstdError(.truncated) }
  }

  private func step(_ input: [UInt8], from start: Int) -> (result: Int, position: Int, piece: [UInt8]) {
    var result = 0
    var position = start
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceBytesMax) { buffer, filled in
      unsafe input.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
        var source = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: start)
        var target = unsafe ZSTD_outBuffer(dst: buffer.baseAddress, size: Self.pieceBytesMax, pos: 0)
        result = unsafe ZSTD_decompressStream(stream, &target, &source)
        position = unsafe source.pos
        filled = unsafe target.pos
      }
    }
    return (result, position, piece)
  }
}
