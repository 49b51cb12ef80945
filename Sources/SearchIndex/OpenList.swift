import Glibc

/// A list of generations as it was read, with its file still open.
struct OpenList: Sendable {
  let list: GenerationList
  fileprivate let file: SmallFile

  init(list: GenerationList, file: SmallFile) {
    self.list = list
    self.file = file
  }

  /// Whether the list was not replaced since. One look at the directory, where reading it anew takes five.
  var isCurrent: Bool { file.isInPlace }
}

/// A file open for reading.
final class SmallFile: Sendable {
  private let file: CInt
  private let path: String
  private let directory: GroupDirectory

  /// - Returns: `nil` if there is none.
  init?(_ path: String, in directory: GroupDirectory) throws(SearchIndexError) {
    file = open(path, O_RDONLY | O_CLOEXEC)
    self.path = path
    self.directory = directory
    if file < 0 {
      guard errno == ENOENT || errno == ENOTDIR else { throw directory.error(.io) }
      return nil
    }
  }

  deinit { if file >= 0 { close(file) } }

  func bytes(_ most: Int) throws(SearchIndexError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    let count = pread(file, &bytes, bytes.count, 0)
    guard count >= 0 else { throw directory.error(.io) }
    return Array(bytes.prefix(count))
  }

  /// Files are replaced by renames, and while this one is open no other can have its number: unlike times, which a
  /// file system counts in milliseconds, that leaves no doubt.
  var isInPlace: Bool {
    var (mine, there) = (stat(), stat())
    return fstat(file, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino
      && mine.st_dev == there.st_dev
  }
}
