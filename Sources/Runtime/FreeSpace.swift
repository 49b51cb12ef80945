import Glibc

/// Room left on a file system.
enum FreeSpace {
  /// A compaction of the index or a segment on its way to a bucket needs some of it for a while.
  static let enough: UInt64 = 1 << 30

  /// What anybody but root may still write, in bytes; `nil` if there is no such path (statvfs(3)).
  static func bytes(at path: String) -> UInt64? {
    var system = statvfs()
    guard unsafe statvfs(path, &system) == 0 else { return nil }
    return UInt64(system.f_bavail) * UInt64(system.f_frsize)
  }
}
