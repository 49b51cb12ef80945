import Foundation
import Glibc

extension FileSegmentStore {
  /// A file that says whose the directory is, as the object of this name does in a bucket.
  static let ownerName = "owner"

  /// Makes the directory `owner`'s, or finds that it is.
  static func claim(_ directory: String, _ owner: String) throws {
    let path = directory + "/" + ownerName
    let content = Array("muniment \(owner)\n".utf8)
    if try !isClaimed(directory) { try write(content, to: path, in: directory) }
    let file = try Descriptor(path, O_RDONLY, object: ownerName)
    let size = try file.size(object: ownerName)
    guard size == content.count, try file.read(0..<size, object: ownerName) == content else {
      throw SegmentStoreError(
        .refused,
        "the directory of object_store belongs to another muniment home; give this home a directory of its own"
      )
    }
  }

  /// The objects of a directory that nobody has claimed, such as one written before directories had owners: whether
  /// they are a home's own, its catalogue knows.
  package static func unclaimed(in directory: String) throws -> [String] {
    guard FileManager.default.fileExists(atPath: directory), try !isClaimed(directory) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: directory).filter { SegmentName.id($0) != nil }
  }

  private static func isClaimed(_ directory: String) throws -> Bool {
    do {
      _ = try Descriptor(directory + "/" + ownerName, O_RDONLY, object: ownerName)
      return true
    } catch  where error.code == .missing {
      return false
    }
  }

  /// Whole or not at all; of two homes that come at once, link(2) lets one through.
  private static func write(_ content: [UInt8], to path: String, in directory: String) throws {
    let temporary = path + "." + UUID().uuidString + temporarySuffix
    defer { unlink(temporary) }
    let file = try Descriptor(temporary, O_WRONLY | O_CREAT | O_EXCL, object: ownerName)
    guard flock(file.number, LOCK_EX) == 0 else {
      throw SegmentStoreError.failed("locked", ownerName, errno)
    }
    try file.write(content, object: ownerName)
    try file.synchronize(object: ownerName)
    guard link(temporary, path) == 0 || errno == EEXIST else {
      throw SegmentStoreError.failed("named", ownerName, errno)
    }
    try Descriptor(directory, O_RDONLY | O_DIRECTORY, object: ownerName).synchronize(object: ownerName)
  }
}
