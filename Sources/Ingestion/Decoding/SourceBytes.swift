internal import Glibc
internal import Zlib
internal import Zstd

/// The bytes of one file, decompressed where its first bytes say gzip or zstd. Blocks while it reads.
struct SourceBytes: ~Copyable {
  private let descriptor: CInt
  private let owned: Bool
  private let path: String
  private var compression: Compression?
  private var zstd: ZstdDecoder?
  private var gzip: GzipDecoder?
  /// Read, but not yet decompressed.
  private var pending: ArraySlice<UInt8> = []

  private enum Compression { case none, gzip, zstd }
  private static let readBytes = 256 << 10
  /// Few enough that even zstd's densest blocks (4 bytes for 128 KiB) unfold to 128 MiB at most.
  private static let decodeBytes = 4 << 10

  init(_ file: SourceFile) throws(SourceError) {
    path = file.path
    owned = !file.isStandardInput
    descriptor = owned ? open(file.path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
    guard descriptor >= 0 else {
      throw SourceError(.unreadable, source: file.path, reason: String(cString: strerror(errno)))
    }
  }

  deinit { if owned { close(descriptor) } }

  /// The next pieces, `nil` at the end. `line` is where the reader stands, for errors; what is taken from the
  /// file is added to `bytesRead`.
  mutating func next(line: Int64, _ bytesRead: inout Int64) throws(SourceError) -> [[UInt8]]? {
    if compression == nil { compression = try detect(line, &bytesRead) }
    if pending.isEmpty { pending = try read(line, &bytesRead)[...] }
    guard !pending.isEmpty else {
      try finish(line)
      return nil
    }
    guard compression != Compression.none else {
      defer { pending = [] }
      return [Array(pending)]
    }
    let input = Array(pending.prefix(Self.decodeBytes))
    pending = pending.dropFirst(input.count)
    return try decompress(input, line)
  }

  /// Looks at the first bytes. A pipe may hand them out one by one.
  private mutating func detect(_ line: Int64, _ bytesRead: inout Int64) throws(SourceError) -> Compression {
    while pending.count < 4 {
      let more = try read(line, &bytesRead)
      if more.isEmpty { break }
      pending += more
    }
    // RFC 1952 §2.3.1, with deflate as the only method; RFC 8878 §3.1.1 and §3.1.2 (a skippable frame may
    // lead).
    let found: Compression
    switch Array(pending.prefix(4)) {
    case let head where head.starts(with: [0x1F, 0x8B, 0x08]): found = .gzip
    case [0x28, 0xB5, 0x2F, 0xFD]: found = .zstd
    case let head where head.dropFirst().elementsEqual([0x2A, 0x4D, 0x18]) && head[0] >> 4 == 5: found = .zstd
    default: found = .none
    }
    if found == .zstd { zstd = ZstdDecoder() }
    if found == .gzip { gzip = GzipDecoder() }
    return found
  }

  private mutating func read(_ line: Int64, _ bytesRead: inout Int64) throws(SourceError) -> [UInt8] {
    var failure: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, filled in
      var count = -1
      repeat {
        count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      } while count < 0 && errno == EINTR
      if count < 0 { failure = errno }
      filled = max(0, count)
    }
    guard failure == 0 else {
      throw SourceError(.unreadable, source: path, line: line, reason: String(cString: strerror(failure)))
    }
    bytesRead += Int64(bytes.count)
    return bytes
  }

  private mutating func decompress(_ input: [UInt8], _ line: Int64) throws(SourceError) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    do {
      try zstd?.decode(input) { pieces.append($0) }
      try gzip?.decode(input) { pieces.append($0) }
    } catch {
      throw SourceError(.damaged, source: path, line: line, reason: "the compressed data is damaged")
    }
    return pieces
  }

  private mutating func finish(_ line: Int64) throws(SourceError) {
    do {
      try zstd?.finish()
      try gzip?.finish()
    } catch {
      throw SourceError(.truncated, source: path, line: line, reason: "the compressed data ends early")
    }
  }
}
