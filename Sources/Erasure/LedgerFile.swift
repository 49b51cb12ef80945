import Foundation
package import Model
import Sodium

/// The erasure ledger outside the database, so that restoring an older database does not forget who was erased.
/// One line an erasure: tenant number, keyed hash, erasure id. It names nobody.
package struct LedgerFile: Sendable {
  package struct Entry: Hashable, Sendable {
    package let tenant: TenantID
    package let hash: [UInt8]
    package let erasure: Int64
  }

  private let path: String

  package init(home: String) { path = home + "/erasure-ledger" }

  /// Appends and syncs; returns only when the line is on disk.
  package func record(tenant: TenantID, hash: [UInt8], erasure: Int64) throws {
    let entry = Entry(tenant: tenant, hash: hash, erasure: erasure)
    guard try !entries().contains(entry) else { return }
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    }
    guard let file = FileHandle(forUpdatingAtPath: path) else { throw CocoaError(.fileWriteNoPermission) }
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data("\(tenant.rawValue) \(hash.hex) \(erasure)\n".utf8))
    try file.synchronize()
  }

  package func entries() throws -> Set<Entry> {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    return Set(
      String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: " ")
        guard parts.count == 3, let tenant = Int64(parts[0]), let hash = [UInt8](hex: String(parts[1])),
          let erasure = Int64(parts[2])
        else { return nil }
        return Entry(tenant: TenantID(rawValue: tenant), hash: hash, erasure: erasure)
      })
  }
}
