import Blocking
import Glibc
import Sodium

/// A file of a package while it is written: hashed as it grows, buffered, written on a thread that may block.
final class PackageFile {
  private static let bufferBytesTarget = 256 << 10
  private static let pieceBytes = 1 << 20

  /// How far a file is whose writer may have to go on in another process.
  struct Extent: Codable, Hashable {
    let name: String
    let bytes: Int
    let messages: Int
    let lines: Int
  }

  /// Relative to the package.
  let name: String
  /// Whether nothing is in it from an earlier run: its head has to be written.
  let isFresh: Bool
  private let path: String
  private let descriptor: Int32
  private var pending: [UInt8] = []
  private var hash: SHA256Stream? = SHA256Stream()
  private var isOpen = true
  private var bytes = 0
  var messages = 0
  var lines = 0
  private let closed: (Manifest.File) async throws -> Void

  /// - Parameter closed: told of the file once it is whole.
  init(
    name: String, in directory: String, closed: @escaping (Manifest.File) async throws -> Void
  ) throws(ExportError) {
    self.name = name
    self.closed = closed
    isFresh = true
    path = directory + "/" + name
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("create", path) }
    pending.reserveCapacity(Self.bufferBytesTarget + (64 << 10))
  }

  /// Goes on after the durable part of a file; what a killed run wrote beyond it goes. Blocks: the part is hashed.
  init(
    _ extent: Extent, in directory: String, closed: @escaping (Manifest.File) async throws -> Void
  ) throws(ExportError) {
    name = extent.name
    self.closed = closed
    isFresh = false
    path = directory + "/" + extent.name
    descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system("open", path) }
    (bytes, messages, lines) = (extent.bytes, extent.messages, extent.lines)
    try rehash()
    guard ftruncate(descriptor, off_t(bytes)) == 0, lseek(descriptor, 0, SEEK_END) == off_t(bytes) else {
      throw .system("cut", path)
    }
    pending.reserveCapacity(Self.bufferBytesTarget + (64 << 10))
  }

  deinit { if isOpen { Glibc.close(descriptor) } }

  private func rehash() throws(ExportError) {
    var left = bytes
    while left > 0 {
      let wanted = min(left, Self.pieceBytes)
      var count = 0
      let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
        count = read(descriptor, buffer.baseAddress, wanted)
        filled = max(count, 0)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw ExportError(.draftDamaged, "\(path) is shorter than an earlier run left it")
      }
      hash?.update(piece)
      left -= count
    }
  }

  func write(_ new: [UInt8]) async throws {
    pending += new
    if pending.count >= Self.bufferBytesTarget { try await flush() }
  }

  /// Everything so far is on the disk when this returns.
  func settle() async throws -> Extent {
    try await flush()
    try await sync()
    return Extent(name: name, bytes: bytes, messages: messages, lines: lines)
  }

  func close() async throws {
    try await flush()
    guard isOpen, let digest = hash.take()?.finish() else { return }
    try await sync()
    isOpen = false
    guard Glibc.close(descriptor) == 0 else { throw ExportError.system("close", path) }
    try await closed(
      Manifest.File(path: name, bytes: bytes, sha256: digest.hex, messages: messages, lines: lines))
  }

  private func sync() async throws {
    let (descriptor, path) = (descriptor, path)
    try await runBlocking {
      guard fsync(descriptor) == 0 else { throw ExportError.system("sync", path) }
    }
  }

  private func flush() async throws {
    guard !pending.isEmpty else { return }
    hash?.update(pending)
    bytes += pending.count
    let (chunk, descriptor, path) = (pending, descriptor, path)
    try await runBlocking { try Self.write(chunk, to: descriptor, path) }
    pending.removeAll(keepingCapacity: true)
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(ExportError) {
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
        Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
      }
      if written < 0 {
        guard errno == EINTR else { throw .system("write", path) }
        continue
      }
      done += written
    }
  }
}
