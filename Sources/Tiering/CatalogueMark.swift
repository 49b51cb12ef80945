import Catalog
import Foundation
import Glibc

/// The newest catalogue this home has written, in a file outside of the database and its backups.
struct CatalogueMark {
  /// `nil`: nothing is remembered.
  let path: String?

  private static let word = "archive"

  /// `nil` if nothing was written yet.
  func read() throws -> ArchiveHead? {
    guard let path, FileManager.default.fileExists(atPath: path) else { return nil }
    let parts = try String(contentsOfFile: path, encoding: .utf8).split { $0 == " " || $0 == "\n" }
    guard parts.count == 3, parts[0] == Self.word, let lineage = Int64(parts[1]), let number = Int64(parts[2])
    else {
      throw TieringError(
        .catalogueOlder,
        "archive-mark in the home is damaged, so that nobody knows whether the database is the newest one")
    }
    return ArchiveHead(lineage: lineage, number: number)
  }

  /// Whole or not at all, and on the disk when it returns.
  func write(_ head: ArchiveHead) throws {
    guard let path else { return }
    let draft = path + ".part"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try file.write(contentsOf: Data("\(Self.word) \(head.lineage) \(head.number)\n".utf8))
    try file.synchronize()
    guard rename(draft, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    let folder = open(
      URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw CocoaError(.fileWriteUnknown) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw CocoaError(.fileWriteUnknown) }
  }
}
