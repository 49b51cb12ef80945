import Glibc
import Sodium
import Xapian

/// Where one group's shard lies:
///
/// ```
/// group-03/CURRENT              the names of the generations in use, the hot one first
///          REBUILD              the same of a rebuild under way; takes CURRENT's place when it is done
///          writer.lock          held by the process that writes, for as long as it may
///          generation-000007/   Xapian's files and `sidecar`, or `columns`, `tombstones` and `manifest`
/// ```
/// A generation never changes its name. Whatever makes a new one (first use, roll, sealing, purge, reset) fills it,
/// syncs it, and only then names it in CURRENT by a rename: a crash leaves the old list or the new one in use, and a
/// directory too many, which the next writer sweeps.
struct GroupDirectory: Sendable {
  let group: Int
  let path: String
  /// `CURRENT` or `REBUILD`.
  private let listName: String

  private static let listBytesMax = 4_096

  init(root: String, group: Int) {
    self.group = group
    let digits = String(group)
    path = "\(root)/group-\(digits.count < 2 ? "0" : "")\(digits)"
    listName = "CURRENT"
  }

  private init(_ other: GroupDirectory, listName: String) {
    group = other.group
    path = other.path
    self.listName = listName
  }

  /// The same group, as a rebuild beside the serving generations sees it.
  var rebuild: GroupDirectory { GroupDirectory(self, listName: "REBUILD") }

  /// The generations in use; `nil` before the first write.
  ///
  /// - Throws: `.damaged` if the list is none.
  func current() throws(SearchIndexError) -> GenerationList? { try open()?.list }

  /// As ``current()``, with what tells whether it still is.
  func open() throws(SearchIndexError) -> OpenList? {
    guard let file = try SmallFile("\(path)/\(listName)", in: self) else { return nil }
    let bytes = try file.bytes(Self.listBytesMax)
    guard let list = GenerationList(text: String(decoding: bytes, as: UTF8.self)) else {
      throw error(.damaged)
    }
    return OpenList(list: list, file: file)
  }

  func path(of generation: String) -> String { "\(path)/\(generation)" }

  func paths(of generations: [String]) -> [String] { generations.map { path(of: $0) } }

  /// Takes the group for this process's writing. Makes the directory on first use.
  ///
  /// - Returns: `nil` if it need not be taken any more.
  /// - Throws: `.locked` while another has it.
  func lock(unless isTaken: () -> Bool) throws(SearchIndexError) -> GroupLock? {
    try makeDirectory(path)
    guard let lock = GroupLock("\(path)/writer.lock", unless: isTaken) else {
      let reason = errno
      guard !isTaken() else { return nil }
      throw error(reason == EAGAIN ? .locked : .io)
    }
    return lock
  }

  /// Removes generations that no list names and nobody in this process is making: what a crash left. Nothing, while a
  /// list is damaged, as it may name any of them. Under the lock only.
  func sweep(_ hold: GroupHold) throws(SearchIndexError) {
    // In this order: what is put to use meanwhile goes from the making to a list, and from the second to the first.
    let found = generations()
    var used = hold.building
    for name in ["REBUILD", "CURRENT"] {
      do throws(SearchIndexError) {
        used.formUnion(try GroupDirectory(self, listName: name).current()?.names ?? [])
      } catch {
        guard error.code == .damaged else { throw error }
        return
      }
    }
    for name in found where !used.contains(name) { try remove(name) }
  }

  /// Makes an empty directory with the next free number. By a ``GroupHold`` only.
  func makeGeneration(after number: Int) throws(SearchIndexError) -> String {
    let last = max(number, generations().compactMap { GenerationList.number($0) }.max() ?? 0)
    let digits = String(last + 1)
    let name = "generation-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    try makeDirectory(path)
    guard mkdir(path(of: name), 0o700) == 0 else { throw error(.io) }
    return name
  }

  /// An empty hot generation at a feed position, in the making.
  func makeEmptyGeneration(position: Int64 = 0, _ hold: GroupHold) throws -> String {
    let name = try hold.makeGeneration(in: self)
    do {
      // The epoch tells two shards at the same position apart.
      try XapianWriter.create(path(of: name), epoch: Randomness.bytes(16).hex, position: position)
    } catch let failure {
      throw SearchIndexError(failure, group: group)
    }
    try synchronize(path(of: name))
    return name
  }

  /// Puts the generations, complete and synced, to use. Once this returns, a power failure does not undo it.
  func use(_ list: GenerationList) throws(SearchIndexError) {
    try synchronize(path)
    try write(Array(list.text.utf8), to: "\(listName).new")
    // Readers see the old list or the new one, whole.
    guard rename("\(path)/\(listName).new", "\(path)/\(listName)") == 0 else { throw error(.io) }
    try synchronize(path)
  }

  /// Puts a finished rebuild in the place of what is in use.
  func publishRebuild() throws(SearchIndexError) {
    guard rename("\(path)/REBUILD", "\(path)/CURRENT") == 0 else { throw error(.io) }
    try synchronize(path)
  }

  /// Removes a rebuild's list. Its generations go with the next sweep.
  func forget() throws(SearchIndexError) {
    precondition(listName == "REBUILD", "what is served is not forgotten")
    guard unlink("\(path)/\(listName)") == 0 || errno == ENOENT else { throw error(.io) }
    try synchronize(path)
  }

  func remove(_ generation: String) throws(SearchIndexError) {
    for name in names(in: path(of: generation)) { unlink("\(path(of: generation))/\(name)") }
    guard rmdir(path(of: generation)) == 0 || errno == ENOENT else { throw error(.io) }
  }

  func generations() -> [String] { names(in: path).filter { GenerationList.number($0) != nil } }

  func error(_ code: SearchIndexError.Code) -> SearchIndexError { SearchIndexError(code, group: group) }
}
