import Glibc

extension SearchIndex {
  /// Bytes on disk of each generation in use, the hot one first; empty for a group that was never written to.
  package func bytes(group: Int) throws -> [Int64] {
    let directory = directories[group]
    guard let list = try directory.current() else { return [] }
    return directory.paths(of: list.names).map { path in
      directory.names(in: path).reduce(0) { sum, name in
        var info = stat()
        // A file that is gone by now has no size any more.
        return stat("\(path)/\(name)", &info) == 0 ? sum + Int64(info.st_size) : sum
      }
    }
  }
}
