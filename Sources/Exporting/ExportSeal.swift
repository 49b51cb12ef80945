import Foundation
import KeyVault
import Model
import Sodium

/// What the row of an export keeps sealed: where the package is, who made it, and what is known of it.
struct ExportAccount: Sendable, Hashable, Codable {
  let path: String
  let actor: String
  /// The machine whose disk the path is on, if that is not below the home.
  let host: String
  /// The home it was made in, by its id; `nil` in older rows, and without a home.
  let home: String?
  let packaging: ExportPackaging
  /// Of each part, where the file is cut.
  let partBytes: Int64?
  var counts = ExportCounts()
  var auditIndex: Int64?
  private var completedMicroseconds: Int64?

  init(
    path: String, packaging: ExportPackaging, partBytes: Int64? = nil, actor: String,
    host: String = ExportAccount.thisHost, home: String? = nil
  ) {
    self.partBytes = partBytes
    self.path = path
    self.packaging = packaging
    self.actor = actor
    self.host = host
    self.home = home
  }

  var completedAt: Timestamp? {
    get { completedMicroseconds.map { Timestamp(microseconds: $0) } }
    set { completedMicroseconds = newValue?.microseconds }
  }

  static let thisHost = ProcessInfo.processInfo.hostName
}

/// Seals accounts under a key of the tenant's that is outside the database.
struct ExportSeal: Sendable {
  private let key: SecretBytes

  init(vault: KeyVault, tenant: TenantID) { key = vault.derivedKey("export/\(tenant.rawValue)") }

  func seal(_ account: ExportAccount, id: Int64) throws -> [UInt8] {
    AEAD.seal(Array(try JSONEncoder().encode(account)), key: key, additional: additional(id))
  }

  func open(_ sealed: [UInt8], id: Int64) throws -> ExportAccount {
    let bytes = try AEAD.open(sealed, key: key, additional: additional(id))
    return try JSONDecoder().decode(ExportAccount.self, from: Data(bytes))
  }

  private func additional(_ id: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw("export".utf8)
    writer.fixed(id)
    return writer.bytes
  }
}
