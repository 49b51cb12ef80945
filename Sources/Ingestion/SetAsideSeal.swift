import KeyVault
import Model
import Sodium

/// Seals a raw line and its source's name under a key of the tenant's that is outside the database.
struct SetAsideSeal {
  private let key: SecretBytes

  init(vault: KeyVault, tenant: TenantID) { key = vault.derivedKey("set-aside/\(tenant.rawValue)") }

  func seal(_ source: String, _ raw: [UInt8], id: Int64) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: raw.count + 64)
    writer.text(source)
    writer.raw(raw)
    return AEAD.seal(writer.bytes, key: key, additional: additional(id))
  }

  func open(_ sealed: [UInt8], id: Int64) throws -> (source: String, raw: [UInt8]) {
    var reader = ByteReader(try AEAD.open(sealed, key: key, additional: additional(id)))
    let source = try reader.text()
    return (source, try reader.raw(reader.remaining))
  }

  private func additional(_ id: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw("set-aside".utf8)
    writer.fixed(id)
    return writer.bytes
  }
}
