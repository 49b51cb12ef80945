import Foundation
import Model
import Sodium

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

  /// A draft is gone on with only if it is known what was to be in it. Without a checkpoint, from its beginning.
  var isResumable: Bool { Paths.isRegularFile(snapshotPath) }

  /// Whether a run came as far as a first checkpoint.
  var hasCheckpoint: Bool { Paths.isRegularFile(checkpointPath) }

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

  /// The list is on the disk by then, as far as the checkpoint counts on it.
  func keep(_ checkpoint: ExportCheckpoint) throws {
    try Paths.replace(checkpointPath, with: Array(try JSONEncoder().encode(checkpoint)))
    try Paths.syncDirectory(root)
  }

  /// Adds to the list of whole files; what came after its first `listed` bytes goes.
  /// - Returns: how long it is now.
  func append(_ files: [Manifest.File], after listed: Int, syncing: Bool = false) throws -> Int {
    let lines = files.flatMap(\.line)
    guard listed + lines.count > 0 else { return 0 }
    let list = open(listPath, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard list >= 0 else { throw ExportError.system("open", listPath) }
    defer { close(list) }
    guard ftruncate(list, off_t(listed)) == 0, lseek(list, 0, SEEK_END) >= 0 else {
      throw ExportError.system("cut", listPath)
    }
    try PackageFile.write(lines, to: list, listPath)
    guard !syncing || fsync(list) == 0 else { throw ExportError.system("sync", listPath) }
    return listed + lines.count
  }

  /// The first bytes of the list; `nil` for none.
  func lines(_ listed: Int) throws -> FileLines? {
    guard listed > 0 else { return nil }
    guard try Paths.size(listPath) >= Int64(listed) else {
      throw ExportError(.draftDamaged, "the notes of an interrupted export are cut")
    }
    return try FileLines(path: listPath, bytes: listed)
  }

  private var sortedPath: String { root + "/sorted" }

  /// The same lines in order, in a file that is there until ``removeSorted()``.
  func sorted(_ listed: Int) throws -> (path: String, bytes: Int)? {
    guard listed > 0 else { return nil }
    try Paths.remove(sortedPath)
    let list = try writeList(listed, to: sortedPath)
    return (sortedPath, list.bytes)
  }

  func removeSorted() throws { try Paths.remove(sortedPath) }

  /// Writes the list in order of the paths, as a package has it, for good.
  /// - Returns: what the manifest says of it.
  func writeList(_ listed: Int, to path: String) throws -> Manifest.File {
    guard let lines = try lines(listed) else {
      throw ExportError(.draftDamaged, "there is no list of files")
    }
    // A run that died while it wrote the list left one.
    try Paths.remove(path)
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard output >= 0 else { throw ExportError.system("create", path) }
    defer { close(output) }
    var (pending, bytes, count) = ([UInt8](), 0, 0)
    var hash: SHA256Stream? = SHA256Stream()
    func flush() throws {
      hash?.update(pending)
      bytes += pending.count
      try PackageFile.write(pending, to: output, path)
      pending.removeAll(keepingCapacity: true)
    }
    try FileSort(path: root + "/sorting").run(lines) { line in
      pending += line
      count += 1
      if pending.count >= 1 << 18 { try flush() }
    }
    try flush()
    guard fsync(output) == 0 else { throw ExportError.system("sync", path) }
    let sum = hash.take()?.finish().hex ?? ""
    return Manifest.File(path: Manifest.listName, bytes: bytes, sha256: sum, messages: 0, lines: count)
  }

  func remove() throws { try Paths.remove(root) }
}
