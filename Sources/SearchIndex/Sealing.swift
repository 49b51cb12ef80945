import Glibc
import Sodium
import Xapian

/// A sealed generation in the making, out of others. Until it is published it is nobody's.
struct Sealing: Sendable {
  let directory: GroupDirectory
  let sources: [String]
  let target: String
  /// Of the hot generation: what left the sources later has to be brought over.
  let position: Int64
  private let scratch: String

  init(of sources: [String], at position: Int64, in directory: GroupDirectory, _ hold: GroupHold) throws {
    self.position = position
    self.directory = directory
    self.sources = sources
    target = try hold.makeGeneration(in: directory)
    do {
      scratch = try hold.makeGeneration(in: directory)
    } catch {
      hold.end([target])
      throw error
    }
  }

  var names: [String] { [target, scratch] }

  /// Writes it, with its manifest. Blocks: about 20,000 documents a second.
  ///
  /// - Returns: how many live documents the exclusion left out.
  /// - Throws: `.deadline` if it was stopped.
  func run(without exclusion: XapianSealing.Exclusion = .init(), stop: XapianStop = XapianStop()) throws
    -> Int
  {
    let dropped = try XapianSealing.seal(
      directory.paths(of: sources), scratch: directory.path(of: scratch), into: directory.path(of: target),
      position: position, without: exclusion, stop: stop)
    try GenerationManifest.write(for: target, in: directory)
    try directory.remove(scratch)
    return dropped
  }

  func discard() throws {
    for name in names { try directory.remove(name) }
  }
}

/// The hashes of a sealed generation's files, as Xapian keeps none: the file `manifest`, a line each of BLAKE2b-256 in
/// hexadecimal, size in bytes, name. Not in it: `tombstones`, which grows, and itself.
enum GenerationManifest {
  private static let name = "manifest"
  private static let bytesMax = 64 << 10

  static func write(for generation: String, in directory: GroupDirectory) throws {
    var text = ""
    for file in files(of: generation, in: directory) {
      let (hash, size) = try digest("\(directory.path(of: generation))/\(file)", directory)
      text += "\(hash) \(size) \(file)\n"
    }
    try directory.write(Array(text.utf8), to: "\(generation)/\(name)")
    try directory.synchronize(directory.path(of: generation))
  }

  /// How many files are not what was written, missing ones and a missing manifest among them.
  static func mismatches(of generation: String, in directory: GroupDirectory) throws -> Int {
    guard let bytes = try directory.read("\(generation)/\(name)", bytesMax: bytesMax) else { return 1 }
    let stated = Set(String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init))
    var found: Set<String> = []
    for file in files(of: generation, in: directory) {
      let (hash, size) = try digest("\(directory.path(of: generation))/\(file)", directory)
      found.insert("\(hash) \(size) \(file)")
    }
    return max(stated.subtracting(found).count, found.subtracting(stated).count)
  }

  private static func files(of generation: String, in directory: GroupDirectory) -> [String] {
    directory.names(in: directory.path(of: generation)).filter { $0 != name && $0 != "tombstones" }.sorted()
  }

  private static func digest(_ path: String, _ directory: GroupDirectory) throws -> (String, Int) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw directory.error(.io) }
    defer { close(file) }
    var hash = BLAKE2b()
    var size = 0
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(file, &chunk, chunk.count)
      guard count >= 0 else { throw directory.error(.io) }
      guard count > 0 else { return (hash.finish().hex, size) }
      hash.update(Array(chunk[..<count]))
      size += count
    }
  }
}
