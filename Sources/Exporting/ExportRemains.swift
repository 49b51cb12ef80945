import Foundation

/// What the making of a package leaves until it has its name: its draft, packed or not, and files that are not named
/// yet. All of it blocks.
struct ExportRemains: Sendable {
  let draft: String
  let destination: String
  let export: Int64
  let isSplit: Bool

  /// The draft, whichever name it has.
  var left: String? { [draft, PackagePacking.packed(draft)].first(where: Paths.exists) }

  /// Removes it. `false` where a process is at work on it, which sees to it itself.
  func remove() throws -> Bool {
    for path in [draft, PackagePacking.packed(draft)] where Paths.exists(path) {
      guard let lock = try? DirectoryLock(path) else { return false }
      try withExtendedLifetime(lock) {
        try removeUnnamed()
        try Paths.remove(path)
      }
    }
    // Without a draft nobody is at work on them any more.
    try removeUnnamed()
    return true
  }

  /// Parts that have their names while their list, which says whose they are, has not; then the rest, the list last.
  private func removeUnnamed() throws {
    let file = PackagePacking.file(destination, export: export)
    if isSplit, let (list, _) = try? PackageParts.read(file + PackageParts.suffix) {
      for part in list.parts {
        let end = part.name.suffix(PackageParts.suffix(1).utf8.count)
        // What is not named yet lies beside; so its name, if it is taken, is another's.
        if !Paths.exists(file + end) { try Paths.remove(destination + end) }
      }
    }
    for path in PackagePacking.files(destination, export: export) { try Paths.remove(path) }
  }
}
