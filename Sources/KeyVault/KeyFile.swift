import Glibc
import Sodium

/// Files with keys: owner only, replaced whole, and what they held before overwritten.
enum KeyFile {
  private static let sizeMax = 1 << 20

  /// What tells whether a file was replaced since it was read.
  struct Stamp: Hashable, Sendable {
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int
  }

  /// `nil` if the file is not there.
  static func stamp(_ path: String) throws(KeyVaultError) -> Stamp? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw failure("look at", path)
    }
    return Stamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec)
  }

  /// The content, and the stamp of just this content. Zero it after use if it is a key in the clear.
  static func read(_ path: String) throws(KeyVaultError) -> (bytes: [UInt8], stamp: Stamp) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { throw KeyVaultError(.missing, "\(path) is missing; restore it from its backup") }
      throw failure("open", path)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("look at", path) }
    guard status.st_mode & 0o077 == 0 else {
      throw KeyVaultError(
        .permissions, "others than its owner have access to \(path); run `chmod 600 \(path)`")
    }
    guard status.st_size <= sizeMax else {
      throw KeyVaultError(.malformed, "\(path) is too large for a key file")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let offset = filled
      let count = bytes.withUnsafeMutableBytes { (buffer: UnsafeMutableRawBufferPointer) in
        Glibc.read(file, buffer.baseAddress! + offset, buffer.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("read", path) }
      filled += count
    }
    let stamp = Stamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec)
    return (bytes, stamp)
  }

  /// Writes a file that is not there yet, and flushes it. What an earlier, broken attempt left is replaced.
  static func write(_ bytes: [UInt8], to path: String) throws(KeyVaultError) {
    guard Glibc.unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("create", path) }
    defer { close(file) }
    try fill(file, bytes, path)
  }

  static func rename(_ old: String, _ new: String) throws(KeyVaultError) {
    guard Glibc.rename(old, new) == 0 else { throw failure("replace", new) }
  }

  /// A second name for a file, so that its content can be overwritten once another has taken its place. Not
  /// every file system can; then the old content is left to be reused by it.
  static func link(_ path: String, as other: String) throws(KeyVaultError) {
    guard Glibc.link(path, other) == 0 || errno == EPERM || errno == ENOTSUP else {
      throw failure("link", other)
    }
  }

  static func unlink(file path: String) throws(KeyVaultError) {
    guard Glibc.unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
  }

  /// Overwrites the content in place and removes the file. Best effort: a solid-state disk or a copy-on-write
  /// file system keeps the old blocks for a while, which is why the content is sealed as well.
  static func wipe(_ path: String) throws(KeyVaultError) {
    let file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    if file < 0, errno == ENOENT { return }
    guard file >= 0 else { throw failure("open", path) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("look at", path) }
    try fill(file, Randomness.bytes(Int(status.st_size)), path)
    try unlink(file: path)
  }

  /// Makes renames, links and removals in a directory durable.
  static func flush(directory path: String) throws(KeyVaultError) {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw failure("open", path) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw failure("flush", path) }
  }

  /// Creates a directory and those above it; only the owner may enter it.
  static func createDirectory(_ path: String) throws(KeyVaultError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw failure("create", path)
    }
    try createDirectory(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("create", path) }
  }

  /// Runs `body` while no other process, and no other vault of this one, changes the keystore.
  static func locked<R>(_ path: String, _ body: () throws -> R) throws -> R {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("open", path) }
    defer { close(file) }  // releases the lock
    while flock(file, LOCK_EX) != 0 {
      guard errno == EINTR else { throw failure("lock", path) }
    }
    return try body()
  }

  private static func fill(_ file: CInt, _ bytes: [UInt8], _ path: String) throws(KeyVaultError) {
    var written = 0
    while written < bytes.count {
      let offset = written
      let count = bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
        Glibc.write(file, buffer.baseAddress! + offset, buffer.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("write", path) }
      written += count
    }
    guard fsync(file) == 0 else { throw failure("flush", path) }
  }

  private static func failure(_ verb: String, _ path: String) -> KeyVaultError {
    let reason = String(cString: strerror(errno))
    return KeyVaultError(.system, "cannot \(verb) \(path): \(reason); check the disk and the permissions")
  }
}
