import Blocking
import Glibc
import Sodium

/// A file of a package while it is written: hashed as it grows, buffered, written on a thread that may block.
final class PackageFile {
  private static let bufferBytesTarget = 256 << 10

  /// Relative to the package.
  let name: String
  private let path: String
  private let descriptor: Int32
  private var pending: [UInt8] = []
  private var hash: SHA256Stream? = SHA256Stream()
  private var isOpen = true
  private var bytes = 0
  var messages = 0
  var lines = 0
  private let closed: (Manifest.File) -> Void

  /// - Parameter closed: told of the file once it is whole.
  init(name: String, in directory: String, closed: @escaping (Manifest.File) -> Void) throws(ExportError) {
    self.name = name
    self.closed = closed
    path = directory + "/" + name
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("create", path) }
    pending.reserveCapacity(Self.bufferBytesTarget + (64 << 10))
  }

  deinit { if isOpen { Glibc.close(descriptor) } }

  func write(_ new: [UInt8]) async throws {
    pending += new
    if pending.count >= Self.bufferBytesTarget { try await flush() }
  }

  func close() async throws {
    try await flush()
    guard isOpen, let digest = hash.take()?.finish() else { return }
    let (descriptor, path) = (descriptor, path)
    try await runBlocking {
      guard fsync(descriptor) == 0 else { throw ExportError.system("sync", path) }
    }
    isOpen = false
    guard Glibc.close(descriptor) == 0 else { throw ExportError.system("close", path) }
    closed(Manifest.File(path: name, bytes: bytes, sha256: digest.hex, messages: messages, lines: lines))
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
