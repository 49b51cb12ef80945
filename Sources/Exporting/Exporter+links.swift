import AuditLog
package import Catalog
package import KeyVault
package import Model
import Postgres
import Sodium

/// A link that lets whoever has it fetch one package.
package struct ExportLink: Sendable {
  /// `link-` and 16 hexadecimal digits.
  package let id: String
  /// The `export-` one it leads to.
  package let export: String
  /// What the link's address ends in; known only to whoever made it.
  package let token: String?
  package let createdBy: String
  package let createdAt: Timestamp
  package let expiresAt: Timestamp
  package let usesMax: Int
  package let uses: Int
  package let revokedAt: Timestamp?
}

extension Exporter {
  package static let linkSecondsMax: Int64 = 30 * 86_400
  package static let linkUsesMax = 1_000
  private static let linksPerExport = 100

  /// Makes a link to a package that is there; the audit log says who.
  package func makeLink(_ id: String, seconds: Int64, uses: Int, actor: String) async throws -> ExportLink {
    let record = try await show(id)
    guard record.hasContent, record.insideHome, let export = ExportID.number(record.id) else {
      throw ExportError(.wrongState, "there is no package in the home to make a link to")
    }
    guard (1...Self.linkSecondsMax).contains(seconds), (1...Self.linkUsesMax).contains(uses) else {
      throw ExportError(
        .badSelection, "a link is good for 1 second to 30 days and 1 to \(Self.linkUsesMax) uses")
    }
    let token = Randomness.bytes(32).base64(.urlSafe)
    let (number, now) = (Randomness.identifier(), now())
    let row = ExportLinkRow(
      id: number, export: export, tenant: tenant.id, sealed: linkSeal(actor, number), createdAt: now,
      expiresAt: now.adding(seconds: seconds), usesMax: uses)
    let hash = Self.linkHash(token, vault)
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.link_made", object: record.id,
      details: [
        "link": ExportID.named("link", number), "uses": String(uses), "expires_at": row.expiresAt.rfc3339,
      ])
    let audit = audit
    try await database.transaction { tx in
      guard try ExportLinks.list(export: export, in: tx).count < Self.linksPerExport else {
        throw ExportError(.quota, "there are \(Self.linksPerExport) links to this package already")
      }
      try ExportLinks.insert(row, hash: hash, in: tx)
      try audit.append([entry], at: now, in: tx)
    }
    return try link(row, token: token)
  }

  /// Oldest first.
  package func links(_ id: String) async throws -> [ExportLink] {
    let record = try await show(id)
    guard let export = ExportID.number(record.id) else { return [] }
    return try await database.transaction { tx in try ExportLinks.list(export: export, in: tx) }
      .map { try link($0, token: nil) }
  }

  /// Ends a link; repeats without harm.
  package func revokeLink(_ link: String, of id: String, actor: String) async throws {
    let record = try await show(id)
    guard let export = ExportID.number(record.id), let number = Handle.number("link", link),
      try await links(id).contains(where: { $0.id == link })
    else { throw ExportError(.unknownLink, "there is no such link to this export") }
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.link_revoked", object: record.id,
      details: ["link": link])
    let (audit, now) = (audit, now())
    try await database.transaction { tx in
      guard try ExportLinks.revoke(number, export: export, at: now, in: tx) else { return }
      try audit.append([entry], at: now, in: tx)
    }
  }

  /// What a link is known by; the link itself is nowhere.
  package static func linkHash(_ token: String, _ vault: KeyVault) -> [UInt8] {
    BLAKE2b.hash(Array(token.utf8), key: vault.derivedKey("export-link"))
  }

  package func link(_ row: ExportLinkRow, token: String?) throws -> ExportLink {
    let maker = try AEAD.open(row.sealed, key: linkKey, additional: linkContext(row.id))
    return ExportLink(
      id: ExportID.named("link", row.id), export: ExportID.text(row.export), token: token,
      createdBy: String(decoding: maker, as: UTF8.self), createdAt: row.createdAt,
      expiresAt: row.expiresAt, usesMax: row.usesMax, uses: row.uses, revokedAt: row.revokedAt)
  }

  private var linkKey: SecretBytes { vault.derivedKey("export-link/\(tenant.id.rawValue)") }

  private func linkSeal(_ actor: String, _ number: Int64) -> [UInt8] {
    AEAD.seal(Array(actor.utf8), key: linkKey, additional: linkContext(number))
  }

  private func linkContext(_ number: Int64) -> [UInt8] { Array("export-link \(number)".utf8) }
}
