import Glibc

/// An open file or directory, closed with its last use. Every call blocks; errors name the object, not the path.
struct Descriptor: ~Copyable {
  let number: CInt

  private static let copyBytes = 1 << 20

  init(_ path: String, _ flags: CInt, object: String) throws(SegmentStoreError) {
    number = open(path, flags | O_CLOEXEC, 0o600)
    guard number >= 0 else {
      if errno == ENOENT { throw SegmentStoreError(.missing, "segment object \(object) is missing") }
      throw SegmentStoreError.failed("opened", object, errno)
    }
  }

  deinit { if number >= 0 { close(number) } }

  borrowing func size(object: String) throws(SegmentStoreError) -> Int {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SegmentStoreError.failed("read", object, errno) }
    return Int(status.st_size)
  }

  /// The bytes of `range`; `.shortRead` where the file ends before.
  borrowing func read(_ range: Range<Int>, object: String) throws(SegmentStoreError) -> [UInt8] {
    var failure: CInt = 0
    let number = number
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      filled = 0
      while filled < range.count {
        let base = buffer.baseAddress! + filled
        let count = pread(number, base, range.count - filled, off_t(range.lowerBound + filled))
        if count < 0 && errno == EINTR { continue }
        if count < 0 { failure = errno }
        guard count > 0 else { return }
        filled += count
      }
    }
    guard failure == 0 else { throw SegmentStoreError.failed("read", object, failure) }
    guard bytes.count == range.count else {
      throw SegmentStoreError(.shortRead, "segment object \(object) ends early")
    }
    return bytes
  }

  borrowing func append(allOf source: borrowing Descriptor, object: String) throws(SegmentStoreError) {
    let size = try source.size(object: object)
    for start in stride(from: 0, to: size, by: Self.copyBytes) {
      try write(source.read(start..<min(start + Self.copyBytes, size), object: object), object: object)
    }
  }

  borrowing func write(_ bytes: [UInt8], object: String) throws(SegmentStoreError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { (rest: UnsafeRawBufferPointer) in
        Glibc.write(number, rest.baseAddress!, rest.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw SegmentStoreError.failed("written", object, errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// fsync(2). After an error the bytes may be lost though a second call succeeds, so nobody tries again.
  borrowing func synchronize(object: String) throws(SegmentStoreError) {
    guard fsync(number) == 0 else { throw SegmentStoreError.failed("synced", object, errno) }
  }
}

extension SegmentStoreError {
  /// For a system call that failed with `number`.
  static func failed(_ verb: String, _ object: String, _ number: CInt) -> SegmentStoreError {
    SegmentStoreError(
      .io, "segment object \(object) could not be \(verb): \(String(cString: strerror(number)))")
  }
}
