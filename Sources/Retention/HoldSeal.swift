import Catalog
import KeyVault
import Model
import Sodium

/// What a hold's row keeps sealed, as it may name people.
struct HoldText: Hashable, Sendable {
  var matter: String
  var reason: String
  var placedBy: String
  var query: String?
  var releaseReason: String?
  var releasedBy: String?

  init(matter: String, reason: String, placedBy: String, query: String? = nil) {
    self.matter = matter
    self.reason = reason
    self.placedBy = placedBy
    self.query = query
  }

  /// A version byte, three texts, then both texts of the release if there was one, and in version 2 the query.
  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.byte(query == nil ? 1 : 2)
    for text in [matter, reason, placedBy] { writer.text(text) }
    for text in [releaseReason, releasedBy] + (query == nil ? [] : [query]) {
      writer.byte(text == nil ? 0 : 1)
      if let text { writer.text(text) }
    }
    return writer.bytes
  }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard (1...2).contains(version) else { throw MalformedBytes("hold version") }
    matter = try reader.text()
    reason = try reader.text()
    placedBy = try reader.text()
    releaseReason = try reader.byte() == 1 ? try reader.text() : nil
    releasedBy = try reader.byte() == 1 ? try reader.text() : nil
    if version == 2, try reader.byte() == 1 { query = try reader.text() }
    guard reader.atEnd else { throw MalformedBytes("hold") }
  }
}

/// Seals the texts of holds, each under a key derived from its matter's.
struct HoldSeal: Sendable {
  let tenant: TenantID
  let vault: KeyVault

  func seal(_ text: HoldText, of hold: Int64) async throws -> [UInt8] {
    let owner = KeyOwner.matter(tenant, hold)
    guard let key = try await vault.keys([owner], creating: true)[owner] else {
      throw RetentionError(.unknownHold, "the key of \(Handle.text("hold", hold)) is destroyed")
    }
    return AEAD.seal(text.bytes, key: derived(key), additional: additional(hold))
  }

  /// Texts by hold; one whose key is destroyed is missing.
  func open(_ rows: [HoldRow]) async throws -> [Int64: HoldText] {
    guard !rows.isEmpty else { return [:] }
    let keys = try await vault.keys(Set(rows.map { .matter(tenant, $0.id) }), creating: false)
    var texts: [Int64: HoldText] = [:]
    for row in rows {
      guard let key = keys[.matter(tenant, row.id)] else { continue }
      texts[row.id] = try HoldText(
        bytes: AEAD.open(row.sealed, key: derived(key), additional: additional(row.id)))
    }
    return texts
  }

  private func derived(_ key: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([key], context: Array("muniment/hold-text/v1".utf8))
  }

  private func additional(_ hold: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(tenant.rawValue)
    writer.fixed(hold)
    return writer.bytes
  }
}
