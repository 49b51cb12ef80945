internal import FoundationEssentials
internal import Glibc

/// A file to be read, found from what the user named.
struct SourceFile: Sendable {
  let path: String
  /// `nil` where it cannot be known: pipes, terminals.
  let bytes: Int64?

  var isStandardInput: Bool { path == "-" }

  /// The files a name stands for: itself, or below a directory all that are not hidden, in the order of their
  /// paths. Links to directories are not followed, so that none is read twice or for ever.
  static func list(_ name: String) throws(SourceError) -> [SourceFile] {
    if name == "-" { return [SourceFile(path: name, bytes: nil)] }
    guard let found = FileState(name, followingLinks: true) else {
      throw SourceError(.notFound, source: name, reason: String(cString: strerror(errno)))
    }
    guard found.isDirectory else {
      return [SourceFile(path: name, bytes: found.isRegular ? found.bytes : nil)]
    }
    return try below(name)
  }

  private static func below(_ directory: String) throws(SourceError) -> [SourceFile] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      throw SourceError(.unreadable, source: directory, reason: "the directory cannot be listed")
    }
    var files: [SourceFile] = []
    for name in names.sorted() where !name.hasPrefix(".") {
      let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
      guard let entry = FileState(path, followingLinks: false) else { continue }
      if entry.isDirectory {
        files += try below(path)
      } else if let file = FileState(path, followingLinks: true), file.isRegular {
        files.append(SourceFile(path: path, bytes: file.bytes))
      }
    }
    return files
  }
}

private struct FileState {
  private var state = stat()

  init?(_ path: String, followingLinks: Bool) {
    guard (followingLinks ? stat(path, &state) : lstat(path, &state)) == 0 else { return nil }
  }

  var isDirectory: Bool { state.st_mode & S_IFMT == S_IFDIR }
  var isRegular: Bool { state.st_mode & S_IFMT == S_IFREG }
  var bytes: Int64 { Int64(state.st_size) }
}
