package import Catalog
import Glibc
package import Model
import Sodium

/// The erasure ledger outside the database, so that restoring an older database does not forget who was erased.
/// One line an erasure: tenant number, keyed hash, erasure id, and what it was about if not a person. It names nobody.
/// A ledger that cannot be read wholly is an error, never a shorter ledger: nobody could tell who is missing.
package struct LedgerFile: Sendable {
  package struct Entry: Hashable, Sendable {
    package let tenant: TenantID
    package let hash: [UInt8]
    package let erasure: Int64
    package let scope: ErasureScope
  }

  private let home: String
  private var path: String { home + "/erasure-ledger" }

  package init(home: String) { self.home = home }

  /// Appends and syncs; returns only when the line is on disk.
  /// - Throws: ``ErasureError`` `.ledger`.
  package func record(tenant: TenantID, hash: [UInt8], erasure: Int64, scope: ErasureScope = .subject) throws
  {
    let entry = Entry(tenant: tenant, hash: hash, erasure: erasure, scope: scope)
    let file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("opened") }
    defer { close(file) }
    // Two processes must not look at the same last byte. Released with the file.
    guard flock(file, LOCK_EX) == 0 else { throw failure("locked") }
    let known = try read(file)
    if try !Self.entries(known).contains(entry) {
      // A line that lost its end, as one put back by hand may have, must not swallow the next.
      let start = known.last.map { $0 == Self.newline } ?? true ? "" : "\n"
      try append(Array((start + entry.line + "\n").utf8), to: file, size: known.count)
    }
    // Also one that was known: whoever wrote it may have died before it was on disk.
    guard fsync(file) == 0 else { throw failure("flushed") }
    if known.isEmpty { try syncFolder() }
  }

  /// - Throws: ``ErasureError`` `.ledger` where the file cannot be read, or a line of it says nothing.
  package func entries() throws -> Set<Entry> {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return [] }
      throw failure("opened")
    }
    defer { close(file) }
    return try Self.entries(try read(file))
  }

  private static let newline = UInt8(ascii: "\n")
  private static let chunkBytes = 1 << 16

  private static func entries(_ bytes: [UInt8]) throws -> Set<Entry> {
    var found: Set<Entry> = []
    for (number, line) in zip(1..., bytes.split(separator: newline, omittingEmptySubsequences: false))
    where !line.isEmpty {
      guard let entry = Entry(line: String(decoding: line, as: UTF8.self)) else {
        throw ErasureError(
          .ledger,
          "line \(number) of the erasure ledger says nothing: put it back from a copy; only if an erasure was cut off "
            + "while it wrote the line, delete the line and run that erasure again")
      }
      found.insert(entry)
    }
    return found
  }

  private func read(_ file: Int32) throws -> [UInt8] {
    var (all, chunk) = ([UInt8](), [UInt8](repeating: 0, count: Self.chunkBytes))
    while true {
      let count = Glibc.read(file, &chunk, Self.chunkBytes)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read") }
      guard count > 0 else { return all }
      all += chunk[..<count]
    }
  }

  /// Whole or not at all, as far as this process lives to see it.
  private func append(_ bytes: [UInt8], to file: Int32, size: Int) throws {
    guard write(file, bytes, bytes.count) == bytes.count else {
      let error = failure("written")
      guard ftruncate(file, size) == 0 else { throw failure("cut back") }
      throw error
    }
  }

  /// So that the file itself is found after a crash.
  private func syncFolder() throws {
    let folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("found in its folder") }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw failure("flushed in its folder") }
  }

  private func failure(_ done: String) -> ErasureError {
    ErasureError(.ledger, "the erasure ledger cannot be \(done): \(String(cString: strerror(errno)))")
  }
}

extension LedgerFile.Entry {
  /// Persons' lines have no fourth part: that is how older versions read them.
  fileprivate var line: String {
    "\(tenant.rawValue) \(hash.hex) \(erasure)" + (scope == .subject ? "" : " \(scope.text)")
  }

  fileprivate init?(line: String) {
    let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3 || parts.count == 4, let tenant = Int64(parts[0]), !parts[1].isEmpty,
      let hash = [UInt8](hex: parts[1]), let erasure = Int64(parts[2]),
      let scope = ErasureScope(parts.count == 4 ? parts[3] : "subject")
    else { return nil }
    self.init(tenant: TenantID(rawValue: tenant), hash: hash, erasure: erasure, scope: scope)
  }
}
