import Glibc

extension GroupDirectory {
  /// A small file's bytes, as many as are asked for; `nil` if it is not there.
  func read(_ name: String, bytesMax: Int) throws(SearchIndexError) -> [UInt8]? {
    try SmallFile("\(path)/\(name)", in: self)?.bytes(bytesMax)
  }

  /// Writes and syncs a small file.
  func write(_ bytes: [UInt8], to name: String) throws(SearchIndexError) {
    let file = Glibc.open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw error(.io) }
    defer { close(file) }
    guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else { throw error(.io) }
  }

  /// With its parents; one that is there is fine.
  func makeDirectory(_ path: String) throws(SearchIndexError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw error(.io)
    }
    try makeDirectory(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw error(.io) }
  }

  /// Makes names made and renamed in the directory durable.
  func synchronize(_ directory: String) throws(SearchIndexError) {
    let file = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw error(.io) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw error(.io) }
  }

  /// Empty if there is no such directory.
  func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { (bytes: UnsafeRawBufferPointer) in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}

/// A group taken for writing, until it is let go or the process ends, however it ends.
final class GroupLock: Sendable {
  private let file: Int32

  private static let attemptsMax = 100
  private static let pauseMicroseconds: UInt32 = 20_000

  /// `nil` with `errno` EAGAIN while another has it for longer than two seconds. Shorter than that it may be a writer
  /// between two catch-ups, or a process being started by this one, which shares its files until it executes.
  init?(_ path: String, unless isTaken: () -> Bool = { false }) {
    file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    // An initializer that fails after storing runs `deinit`; closing -1 is harmless.
    guard file >= 0 else { return nil }
    for _ in 1..<Self.attemptsMax where !isTaken() {
      if flock(file, LOCK_EX | LOCK_NB) == 0 { return }
      guard errno == EWOULDBLOCK else { return nil }
      usleep(Self.pauseMicroseconds)
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return nil }
  }

  deinit { close(file) }
}
