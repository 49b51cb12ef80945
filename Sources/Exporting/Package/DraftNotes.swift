import Foundation
import Model

/// How far an export is, as it lies beside what was written: from here another process goes on.
struct ExportCheckpoint: Codable {
  /// A conversation in the middle of which it was taken.
  struct Place: Codable {
    let conversation: Int64
    let microseconds: Int64
    let sequence: Int64
    /// Of this conversation, written so far.
    let messages: Int

    var position: MessagePosition {
      MessagePosition(createdAt: Timestamp(microseconds: microseconds), sequence: sequence)
    }
  }

  /// The last conversation that is done.
  var done: Int64?
  var place: Place?
  var counts: ExportCounts
  var conversations: Int
  var nameless: Int
  var warnings: PackageWarnings.Lines
  /// One a format, in their order.
  var formats: [Data]
  /// Files that are not whole yet.
  var open: [PackageFile.Extent]
  /// Bytes of the list of files that are.
  var listed: Int
}

/// The folder of notes in a draft; it goes before the package gets its name.
struct DraftNotes {
  static let folder = ".resume"
  private static let bytesMax = 256 << 20
  let root: String

  init(draft: String) { root = draft + "/" + Self.folder }

  private var checkpointPath: String { root + "/checkpoint.json" }
  private var listPath: String { root + "/files.jsonl" }
  private var snapshotPath: String { root + "/snapshot.json" }

  /// A draft is gone on with only if it came as far as a first checkpoint.
  var isResumable: Bool { Paths.isRegularFile(checkpointPath) && Paths.isRegularFile(snapshotPath) }

  func make() throws { try Paths.makeDirectory(root) }

  func keep(_ snapshot: ExportSnapshot) throws {
    try Paths.replace(snapshotPath, with: Array(try JSONEncoder().encode(snapshot)))
    try Paths.syncDirectory(root)
  }

  func snapshot() throws -> ExportSnapshot { try decoded(snapshotPath) }

  func checkpoint() throws -> ExportCheckpoint { try decoded(checkpointPath) }

  private func decoded<Value: Decodable>(_ path: String) throws -> Value {
    do {
      return try JSONDecoder().decode(
        Value.self, from: Data(try Paths.read(path, limit: Self.bytesMax)))
    } catch {
      throw ExportError(.draftDamaged, "the notes of an interrupted export cannot be read")
    }
  }

  /// The list first, so that what the checkpoint counts is there.
  func keep(_ checkpoint: ExportCheckpoint, newFiles: [Manifest.File], after listed: Int) throws -> Int {
    let encoder = JSONEncoder()
    var lines: [UInt8] = []
    for file in newFiles {
      lines += try encoder.encode(file)
      lines.append(0x0A)
    }
    if !lines.isEmpty {
      let list = open(listPath, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard list >= 0 else { throw ExportError.system("open", listPath) }
      defer { close(list) }
      guard ftruncate(list, off_t(listed)) == 0, lseek(list, 0, SEEK_END) >= 0 else {
        throw ExportError.system("cut", listPath)
      }
      try PackageFile.write(lines, to: list, listPath)
      guard fsync(list) == 0 else { throw ExportError.system("sync", listPath) }
    }
    var checkpoint = checkpoint
    checkpoint.listed = listed + lines.count
    try Paths.replace(checkpointPath, with: Array(try JSONEncoder().encode(checkpoint)))
    try Paths.syncDirectory(root)
    return checkpoint.listed
  }

  /// Files that were whole at the checkpoint.
  func files(_ listed: Int) throws -> [Manifest.File] {
    guard listed > 0 else { return [] }
    let bytes = try Paths.read(listPath, limit: Int.max - 1)
    guard bytes.count >= listed else {
      throw ExportError(.draftDamaged, "the notes of an interrupted export are cut")
    }
    return try bytes[..<listed].split(separator: 0x0A).map {
      try JSONDecoder().decode(Manifest.File.self, from: Data($0))
    }
  }

  func remove() throws { try Paths.remove(root) }
}
