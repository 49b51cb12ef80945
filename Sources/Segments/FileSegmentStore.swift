import Blocking
import Foundation
import Glibc

/// Segments as files of one directory, which nothing else writes to.
///
/// A file appears under its name only whole and synced: it is copied to a temporary name, synced, linked to its own
/// name, and the directory is synced. A crash leaves a temporary name at most, which ``list()`` never shows and
/// ``sweep()`` removes.
package struct FileSegmentStore: SegmentStore {
  private let directory: String
  static let temporarySuffix = ".part"

  /// - Parameter owner: whose segments these are. The directory belongs to the first who names itself, and refuses
  ///   everyone else, who would take its objects for leftovers and delete them; `nil`: nobody else comes here.
  package init(directory: String, owner: String? = nil) throws {
    self.directory = directory
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    if let owner { try Self.claim(directory, owner) }
  }

  package func put(_ name: String, from path: String) async throws {
    let target = try self.path(name)
    let directory = directory
    // A name of its own for each attempt: two puts of one object do not write into the same file.
    let temporary = target + "." + UUID().uuidString + Self.temporarySuffix
    try await runBlocking {
      let source = try Descriptor(path, O_RDONLY, object: name)
      let copy = try Descriptor(temporary, O_WRONLY | O_CREAT | O_EXCL, object: name)
      defer { unlink(temporary) }
      // Held until the descriptor closes, however that happens: tells a sweep that this is no leftover.
      guard flock(copy.number, LOCK_EX) == 0 else { throw SegmentStoreError.failed("locked", name, errno) }
      try copy.append(allOf: source, object: name)
      try copy.synchronize(object: name)
      FaultPoint.reach("store.copied")
      // link(2) refuses a name that is taken, which rename(2) would replace.
      guard link(temporary, target) == 0 else {
        if errno == EEXIST { throw SegmentStoreError(.exists, "segment object \(name) exists already") }
        throw SegmentStoreError.failed("named", name, errno)
      }
      FaultPoint.reach("store.named")
      try Descriptor(directory, O_RDONLY | O_DIRECTORY, object: name).synchronize(object: name)
    }
  }

  package func read(_ name: String, range: Range<Int>?) async throws -> [UInt8] {
    let path = try path(name)
    return try await runBlocking {
      let file = try Descriptor(path, O_RDONLY, object: name)
      let size = try file.size(object: name)
      let range = range ?? 0..<size
      guard range.lowerBound >= 0, range.upperBound <= size else {
        throw SegmentStoreError(.shortRead, "segment object \(name) ends early")
      }
      guard range.count <= Self.readBytesMax else {
        throw SegmentStoreError(
          .tooLarge, "a read of segment object \(name) is over \(Self.readBytesMax) bytes")
      }
      return try file.read(range, object: name)
    }
  }

  /// More is read in pieces: room for the largest footer there may be.
  static let readBytesMax = 512 << 20

  package func size(_ name: String) async throws -> Int64 {
    let path = try path(name)
    return try await runBlocking {
      Int64(try Descriptor(path, O_RDONLY, object: name).size(object: name))
    }
  }

  package func leftovers() async throws -> [SegmentLeftover] {
    let directory = directory
    return try await runBlocking {
      try FileManager.default.contentsOfDirectory(atPath: directory)
        .filter { $0.hasSuffix(Self.temporarySuffix) }.sorted()
        .compactMap { try SegmentLeftover(file: directory + "/" + $0) }
    }
  }

  package func leftover(_ name: String) async throws -> SegmentLeftover? {
    let path = try path(name)
    return try await runBlocking { try SegmentLeftover(file: path) }
  }

  package func list() async throws -> [String] {
    let directory = directory
    return try await runBlocking {
      try FileManager.default.contentsOfDirectory(atPath: directory).filter { SegmentName.id($0) != nil }
        .sorted()
    }
  }

  package func delete(_ name: String) async throws {
    let path = try path(name)
    let directory = directory
    try await runBlocking {
      guard unlink(path) == 0 || errno == ENOENT else {
        throw SegmentStoreError.failed("deleted", name, errno)
      }
      FaultPoint.reach("store.deleted")
      // Without it, a deleted object may be back after a power cut.
      try Descriptor(directory, O_RDONLY | O_DIRECTORY, object: name).synchronize(object: name)
    }
  }

  /// Removes what interrupted puts left behind, and returns how many files that were. Puts that are under way, in
  /// this process or another, are left alone: they hold a lock, which ends with its process.
  @discardableResult
  package func sweep() async throws -> Int {
    let directory = directory
    return try await runBlocking {
      let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        .filter { $0.hasSuffix(Self.temporarySuffix) }
      return try names.reduce(0) { try $0 + (Self.removeLeftover(directory + "/" + $1, name: $1) ? 1 : 0) }
    }
  }

  package func report() async throws -> SegmentStoreReport {
    SegmentStoreReport(kind: "file", refusesOverwriting: true, keepsVersions: false, canLock: false)
  }

  private static func removeLeftover(_ path: String, name: String) throws -> Bool {
    do {
      let file = try Descriptor(path, O_RDONLY, object: name)
      guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { return false }
      guard unlink(path) == 0 || errno == ENOENT else {
        throw SegmentStoreError.failed("deleted", name, errno)
      }
      return true
    } catch let error as SegmentStoreError where error.code == .missing {
      return false  // its put came to an end meanwhile
    }
  }

  private func path(_ name: String) throws -> String {
    guard SegmentName.id(name) != nil else { throw SegmentStoreError.badName }
    return directory + "/" + name
  }
}
