import Blocking

/// The files of a package that are whole, while it is made: in memory as long as they are few, and else in a list on
/// the disk.
final class FileLog {
  private let notes: DraftNotes
  /// All of them, or those that are not in the list, if they are many.
  private(set) var files: [Manifest.File] = []
  private(set) var count = 0
  /// Of all of them.
  private(set) var bytes: Int64 = 0
  /// Files in memory at once; a package with more lists them in a file of its own.
  var held = 10_000
  /// Files the package may have.
  var max: Int?
  private var isLong = false
  /// Of ``files``, how many the list has, and how long it is.
  private var noted = (files: 0, bytes: 0)

  init(_ notes: DraftNotes) { self.notes = notes }

  func add(_ file: Manifest.File) async throws {
    if let max, count >= max {
      throw ExportError(
        .tooMany, "a package in one file has \(max) files at most; choose formats with fewer, or a directory")
    }
    files.append(file)
    count += 1
    bytes += Int64(file.bytes)
    if files.count > held {
      isLong = true
      try await list(syncing: false)
    }
  }

  /// Everything so far is in the list, and on the disk, when this returns.
  /// - Returns: how long the list is.
  func settle() async throws -> Int {
    try await list(syncing: true)
    return noted.bytes
  }

  private func list(syncing: Bool) async throws {
    let (notes, new, before) = (notes, Array(files[noted.files...]), noted.bytes)
    noted.bytes = try await runBlocking { try notes.append(new, after: before, syncing: syncing) }
    if isLong { files.removeAll(keepingCapacity: true) }
    noted.files = files.count
  }

  /// Goes on with the list of an interrupted run. Blocks.
  func recall(_ listed: Int) throws {
    var lines = try notes.lines(listed)
    while let file = try lines?.nextFile() {
      count += 1
      bytes += Int64(file.bytes)
      isLong = count > held
      if isLong { files.removeAll() } else { files.append(file) }
    }
    noted = (files.count, listed)
  }

  /// The list in order, in a file of the notes. Blocks.
  func sorted() throws -> (path: String, bytes: Int)? { try notes.sorted(noted.bytes) }

  /// What the manifest says of the files: each, or where they are listed.
  func listing(in draft: String) async throws -> (files: [Manifest.File], list: Manifest.File?) {
    guard count > held else { return (files.sorted { Paths.precedes($0.path, $1.path) }, nil) }
    isLong = true
    try await list(syncing: false)
    let (notes, listed, target) = (notes, noted.bytes, draft + "/" + Manifest.listName)
    return ([], try await runBlocking { try notes.writeList(listed, to: target) })
  }
}
