package import Catalog
import Foundation
package import Model
import Sodium

/// The erasure ledger outside the database, so that restoring an older database does not forget who was erased.
/// One line an erasure: tenant number, keyed hash, erasure id, and what it was about if not a person. It names nobody.
package struct LedgerFile: Sendable {
  package struct Entry: Hashable, Sendable {
    package let tenant: TenantID
    package let hash: [UInt8]
    package let erasure: Int64
    package let scope: ErasureScope
  }

  private let path: String

  package init(home: String) { path = home + "/erasure-ledger" }

  /// Appends and syncs; returns only when the line is on disk.
  package func record(tenant: TenantID, hash: [UInt8], erasure: Int64, scope: ErasureScope = .subject)
    throws
  {
    let entry = Entry(tenant: tenant, hash: hash, erasure: erasure, scope: scope)
    guard try !entries().contains(entry) else { return }
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    }
    guard let file = FileHandle(forUpdatingAtPath: path) else { throw CocoaError(.fileWriteNoPermission) }
    defer { try? file.close() }
    try file.seekToEnd()
    // Persons' lines have no fourth part: that is how older versions read them.
    let rest = scope == .subject ? "" : " \(scope.text)"
    try file.write(contentsOf: Data("\(tenant.rawValue) \(hash.hex) \(erasure)\(rest)\n".utf8))
    try file.synchronize()
  }

  package func entries() throws -> Set<Entry> {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    return Set(
      String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: " ")
        guard parts.count == 3 || parts.count == 4, let tenant = Int64(parts[0]),
          let hash = [UInt8](hex: String(parts[1])),
          let erasure = Int64(parts[2]),
          let scope = ErasureScope(parts.count == 4 ? String(parts[3]) : "subject")
        else { return nil }
        return Entry(tenant: TenantID(rawValue: tenant), hash: hash, erasure: erasure, scope: scope)
      })
  }
}
