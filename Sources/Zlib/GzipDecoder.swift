import CZlib

/// Opens a gzip file (RFC 1952, members one after another) piece by piece, in bounded memory.
@safe
package struct GzipDecoder: ~Copyable {
  // On the heap: zlib's state points back at it and refuses one that moved.
  private let stream: UnsafeMutablePointer<z_stream>
  private var state = State.betweenMembers
  private var members = 0

  private enum State { case inMember, betweenMembers, padding }

  /// The largest window there is, and 16 more: gzip wrapping only (zlib.h, `inflateInit2`).
  private static let windowBits: CInt = 15 + 16
  package static let pieceBytesMax = 1 << 17

  package init() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let size = unsafe CInt(MemoryLayout<z_stream>.size)
    guard unsafe inflateInit2_(stream, Self.windowBits, zlibVersion(), size) == Z_OK else {
      preconditionFailure("out of memory for a gzip stream")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Hands what `input` gives to `output`, in pieces of at most ``pieceBytesMax`` bytes. Throws ``ZlibError``, or
  /// what `output` throws; the decoder is of no use afterwards.
  package mutating func decode(_ input: [UInt8], _ output: ([UInt8]) throws -> Void) throws {
    var position = 0
    var isFull = false
    while position < input.count || isFull {
      if state != .inMember { position = try enterMember(input, position) }
      guard state == .inMember else { return }
      let step = step(input, from: position)
      position = step.position
      isFull = step.piece.count == Self.pieceBytesMax && step.status != Z_STREAM_END
      switch step.status {
      case Z_OK, Z_BUF_ERROR: break  // Z_BUF_ERROR only says that there was nothing left to do
      case Z_STREAM_END: state = .betweenMembers
      case Z_MEM_ERROR: throw ZlibError(.outOfMemory)
      default: throw ZlibError(.corrupt)
      }
      if !step.piece.isEmpty { try output(step.piece) }
    }
  }

  /// Call after the last input: a stream that stops inside a member was cut.
  package func finish() throws(ZlibError) {
    guard state != .inMember, members > 0 else { throw ZlibError(.truncated) }
  }

  /// Tape blocks are filled up with zeros, which gzip(1) lets pass after the last member; so does this.
  private mutating func enterMember(_ input: [UInt8], _ start: Int) throws(ZlibError) -> Int {
    var position = start
    if members > 0 {
      while position < input.count, input[position] == 0 {
        state = .padding
        position += 1
      }
    }
    guard position < input.count else { return position }
    guard state == .betweenMembers else { throw ZlibError(.corrupt) }
    if members > 0 { unsafe inflateReset(stream) }
    state = .inMember
    members += 1
    return position
  }

  private func step(_ input: [UInt8], from start: Int) -> (status: CInt, position: Int, piece: [UInt8]) {
    var status = Z_OK
    var position = start
    // `avail_in` has 32 bits; the rest comes with the next step.
    let available = min(input.count - start, 1 << 30)
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceBytesMax) { buffer, filled in
      unsafe input.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) in
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress! + start)
        unsafe stream.pointee.avail_in = UInt32(available)
        unsafe stream.pointee.next_out = buffer.baseAddress
        unsafe stream.pointee.avail_out = UInt32(Self.pieceBytesMax)
        status = unsafe inflate(stream, Z_NO_FLUSH)
        position = unsafe start + available - Int(stream.pointee.avail_in)
        filled = unsafe Self.pieceBytesMax - Int(stream.pointee.avail_out)
        // The array's memory is lent for this call only.
        unsafe stream.pointee.next_in = nil
        unsafe stream.pointee.next_out = nil
      }
    }
    return (status, position, piece)
  }
}
