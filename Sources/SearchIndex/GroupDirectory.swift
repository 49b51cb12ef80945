import Glibc
import Sodium
import Xapian

/// Where one group's shard lies:
///
/// ```
/// group-03/CURRENT              the name of the generation in use
///          writer.lock          held by the process that writes, for as long as it may
///          generation-000007/   Xapian's files and `sidecar`
/// ```
/// A generation never changes its name. Whatever makes a new one (first use, purge, reset) fills it, syncs it, and
/// only then names it in CURRENT by a rename: a crash leaves the old one or the new one in use, and a directory too
/// many, which the next writer sweeps.
struct GroupDirectory: Sendable {
  let group: Int
  let path: String

  init(root: String, group: Int) {
    self.group = group
    let digits = String(group)
    path = "\(root)/group-\(digits.count < 2 ? "0" : "")\(digits)"
  }

  /// The generation in use; `nil` before the first write.
  ///
  /// - Throws: `.damaged` if CURRENT names none.
  func current() throws(SearchIndexError) -> String? {
    guard let bytes = try read("CURRENT") else { return nil }
    let name = String(decoding: bytes, as: UTF8.self)
    guard name.hasSuffix("\n"), Self.number(name.dropLast()) != nil else { throw error(.damaged) }
    return String(name.dropLast())
  }

  func path(of generation: String) -> String { "\(path)/\(generation)" }

  /// Takes the group for this process's writing. Makes the directory on first use.
  ///
  /// - Throws: `.locked` while another has it.
  func lock() throws(SearchIndexError) -> GroupLock {
    try makeDirectory(path)
    guard let lock = GroupLock("\(path)/writer.lock") else { throw error(errno == EAGAIN ? .locked : .io) }
    return lock
  }

  /// Removes generations not in use: what a crash left of making or removing one. Under the lock only.
  func sweep() throws(SearchIndexError) {
    let current = try current()
    for name in generations() where name != current { try remove(name) }
  }

  /// Makes an empty directory with the next free number. It is nobody's until ``use(_:)``.
  func makeGeneration() throws(SearchIndexError) -> String {
    let last = generations().compactMap { Self.number($0) }.max() ?? 0
    let digits = String(last + 1)
    let name = "generation-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    try makeDirectory(path(of: name))
    return name
  }

  /// An empty shard at position 0.
  func makeEmptyGeneration() throws -> String {
    let name = try makeGeneration()
    do {
      // The epoch tells two shards at the same position apart.
      try XapianWriter.create(path(of: name), epoch: Randomness.bytes(16).hex)
    } catch let failure {
      throw SearchIndexError(failure, group: group)
    }
    try synchronize(path(of: name))
    return name
  }

  /// Puts the generation, complete and synced, to use. Once this returns, a power failure does not undo it.
  func use(_ generation: String) throws(SearchIndexError) {
    try synchronize(path)
    try write(Array("\(generation)\n".utf8), to: "CURRENT.new")
    // Readers see the old name or the new one, whole.
    guard rename("\(path)/CURRENT.new", "\(path)/CURRENT") == 0 else { throw error(.io) }
    try synchronize(path)
  }

  func remove(_ generation: String) throws(SearchIndexError) {
    for name in names(in: path(of: generation)) { unlink("\(path(of: generation))/\(name)") }
    guard rmdir(path(of: generation)) == 0 || errno == ENOENT else { throw error(.io) }
  }

  func generations() -> [String] { names(in: path).filter { Self.number($0[...]) != nil } }

  func error(_ code: SearchIndexError.Code) -> SearchIndexError { SearchIndexError(code, group: group) }

  private static func number(_ name: String) -> Int? { number(name[...]) }

  private static func number(_ name: Substring) -> Int? {
    guard name.hasPrefix("generation-") else { return nil }
    let digits = name.dropFirst("generation-".count)
    guard (6...12).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(digits)
  }
}
