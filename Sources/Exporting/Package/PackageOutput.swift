import Foundation
import Sodium

/// Where a package of one file is written: a file, or parts of it that each have so many bytes. All of it blocks.
final class PackageOutput {
  private let path: String
  private let partBytes: Int64?
  private(set) var parts: [PackageParts.Part] = []
  private var descriptor: Int32 = -1
  private var hash: SHA256Stream?
  private var written: Int64 = 0

  /// - Parameter partBytes: `nil`: one file, at the path itself.
  init(_ path: String, partBytes: Int64?) {
    self.path = path
    self.partBytes = partBytes
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  private var current: String {
    partBytes == nil ? path : path + PackageParts.suffix(parts.count + 1)
  }

  func write(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      if descriptor < 0 { try open() }
      let room = partBytes.map { Int($0 - written) } ?? rest.count
      let piece = Array(rest.prefix(room))
      try PackageFile.write(piece, to: descriptor, current)
      hash?.update(piece)
      written += Int64(piece.count)
      rest = rest.dropFirst(piece.count)
      if written == partBytes { try end() }
    }
  }

  /// Everything is on the disk when this returns.
  func finish() throws {
    if descriptor >= 0 { try end() }
  }

  private func open() throws {
    guard parts.count < PackageParts.partsMax else {
      throw ExportError(
        .badSelection, "the package has more than \(PackageParts.partsMax) parts; make them bigger")
    }
    let path = current
    descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw ExportError.system("create", path) }
    hash = SHA256Stream()
    written = 0
  }

  private func end() throws {
    guard fsync(descriptor) == 0 else { throw ExportError.system("sync", current) }
    let sum = hash.take()?.finish() ?? []
    guard Glibc.close(descriptor) == 0 else { throw ExportError.system("close", current) }
    descriptor = -1
    parts.append(
      PackageParts.Part(name: PackageParts.suffix(parts.count + 1), bytes: written, sha256: sum.hex))
  }
}
