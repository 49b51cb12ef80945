import Foundation
import Sodium

/// The few things a package asks of the file system. All of these may block.
enum Paths {
  /// Of a symbolic link, the link itself.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// In bytes.
  static func size(_ path: String) throws(ExportError) -> Int64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw ExportError.system("look at", path) }
    return Int64(status.st_size)
  }

  /// Of a file, or of all files below a directory.
  static func bytes(of path: String) throws -> Int64 {
    guard isDirectory(path) else { return try size(path) }
    var bytes: Int64 = 0
    try walk(path) { bytes += try size(path + "/" + $0) }
    return bytes
  }

  /// Of a whole file.
  static func sha256(_ path: String) throws -> [UInt8] {
    guard let file = FileHandle(forReadingAtPath: path) else { throw ExportError.system("open", path) }
    defer { try? file.close() }
    var hash = SHA256Stream()
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(Array(piece)) }
    return hash.finish()
  }

  /// Everything below a directory that is not one itself, links included: paths relative to it, in order.
  static func files(in root: String) throws -> [String] {
    var paths: [String] = []
    try walk(root) { paths.append($0) }
    return paths
  }

  /// Visits the same files one by one, in the order of their paths' bytes. One folder's names are in memory at a time,
  /// and those of the folders above it.
  static func walk(_ root: String, _ visit: (_ path: String) throws -> Void) throws {
    try walk(root, "", visit)
  }

  private static func walk(_ root: String, _ folder: String, _ visit: (String) throws -> Void) throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: root + "/" + folder) else {
      throw ExportError(.notAPackage, "\(root) cannot be read")
    }
    // What is below a folder comes where its name with the slash does: after a name that goes on with a hyphen.
    let entries = names.map { isDirectory(root + "/" + folder + $0) ? $0 + "/" : $0 }
    for entry in entries.sorted(by: precedes) {
      if entry.hasSuffix("/") {
        try walk(root, folder + entry, visit)
      } else {
        try visit(folder + entry)
      }
    }
  }

  /// By bytes, as other programs order names.
  static func precedes(_ path: String, _ other: String) -> Bool {
    path.utf8.lexicographicallyPrecedes(other.utf8)
  }

  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Absolute, without `.`, `..`, doubled or closing slashes.
  static func absolute(_ path: String) -> String {
    let full = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    var parts: [Substring] = []
    for part in full.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  static func makeDirectory(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// Removing what is not there is done already.
  static func remove(_ path: String) throws {
    guard exists(path) else { return }
    try FileManager.default.removeItem(atPath: path)
  }

  /// Removes a directory under a name that nobody takes for what it was: a crash in the middle leaves no half of it
  /// at its place. Removes what an earlier attempt left, too.
  static func remove(_ path: String, by way: String) throws {
    try remove(way)
    guard isDirectory(path) else { return try remove(path) }
    guard rename(path, way) == 0 else { throw ExportError.system("rename", path) }
    try syncDirectory(parent(of: path))
    try remove(way)
  }

  /// Up to `limit` bytes; more is refused, so that a foreign file cannot fill the memory.
  static func read(_ path: String, limit: Int) throws -> [UInt8] {
    guard isRegularFile(path), let file = FileHandle(forReadingAtPath: path) else {
      throw ExportError(.notAPackage, "\(path) is missing")
    }
    defer { try? file.close() }
    guard let data = try file.read(upToCount: limit + 1) else { return [] }
    guard data.count <= limit else { throw ExportError(.notAPackage, "\(path) is over \(limit) bytes") }
    return Array(data)
  }

  /// Writes a whole file under another name first, so that readers see all of it or none.
  static func replace(_ path: String, with bytes: [UInt8]) throws {
    let draft = path + ".writing"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw ExportError.system("create", draft) }
    defer { close(descriptor) }
    try PackageFile.write(bytes, to: descriptor, draft)
    guard fsync(descriptor) == 0 else { throw ExportError.system("sync", draft) }
    guard rename(draft, path) == 0 else { throw ExportError.system("rename", draft) }
  }

  /// Renames a directory to a name where nothing is, for good: `rename` replaces no file and no directory with
  /// something in it, and the entry is synced.
  static func move(_ path: String, to destination: String) throws {
    guard rename(path, destination) == 0 else {
      if errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR {
        throw ExportError(.pathExists, "\(destination) exists by now; the package was not put there")
      }
      throw ExportError.system("rename to", destination)
    }
    try syncDirectory(parent(of: destination))
  }

  /// As ``move(_:to:)``, for a file: a link takes no name that is taken. Repeats without harm.
  static func moveFile(_ path: String, to destination: String) throws {
    if link(path, destination) == 0 || (errno == EEXIST && isSame(path, destination)) {
      try remove(path)
    } else {
      let hasNoLinks = errno == EPERM || errno == EOPNOTSUPP
      guard !exists(destination) else {
        throw ExportError(.pathExists, "\(destination) exists by now; the package was not put there")
      }
      // Some file systems have no links; there two steps have to do.
      guard hasNoLinks, rename(path, destination) == 0 else {
        throw ExportError.system("rename to", destination)
      }
    }
    try syncDirectory(parent(of: destination))
  }

  private static func isSame(_ path: String, _ other: String) -> Bool {
    var (one, two) = (stat(), stat())
    return lstat(path, &one) == 0 && lstat(other, &two) == 0 && one.st_dev == two.st_dev
      && one.st_ino == two.st_ino
  }

  static func syncDirectory(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ExportError.system("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw ExportError.system("sync", path) }
  }
}
