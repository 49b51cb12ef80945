import Foundation
import Model
import Postgres
import Sodium
import Synchronization
import TestSupport

@testable import KeyVault

/// A keystore in a directory of its own beside a database of its own.
struct VaultFixture {
  static let time = Timestamp(civil: 2025, 3, 1)
  static let tenant = TenantID(rawValue: 1)

  let directory: String
  let pool: PostgresPool

  static func make() async throws -> VaultFixture {
    let directory = try TestHomes.make() + "/keys"
    try KeyVault.create(directory: directory)
    let database = try await TestDatabase.make(migrationsFrom: TestDatabase.schema, poolSize: 8)
    return VaultFixture(directory: directory, pool: database.pool)
  }

  func vault(
    trust: Duration = .seconds(60), ownersMax: Int = 1_000, lanesMax: Int = 1_000,
    interrupt: @escaping @Sendable (VaultStep) throws -> Void = { _ in }
  ) throws -> KeyVault {
    try KeyVault(
      directory: directory, database: pool, trust: trust, ownersMax: ownersMax, lanesMax: lanesMax,
      interrupt: interrupt)
  }

  static func subject(_ number: Int64) -> KeyOwner { .subject(tenant, SubjectID(rawValue: number)) }

  static func subjects(_ numbers: Range<Int64>) -> Set<KeyOwner> { Set(numbers.map(subject)) }

  func destroy(_ owners: [KeyOwner], at time: Timestamp = time) async throws -> Int {
    try await pool.transaction { tx in try KeyVault.destroy(owners, reason: "erasure", at: time, in: tx) }
  }

  func alive(_ owners: Set<KeyOwner>, _ vault: KeyVault) async throws -> Bool {
    try await pool.transaction { tx in try vault.alive(owners, in: tx) }
  }

  func execute(_ sql: String) async throws {
    try await pool.transaction { tx in try tx.executeScript(sql) }
  }

  func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory).sorted() }

  func path(_ name: String) -> String { "\(directory)/\(name)" }
}

extension [KeyOwner: SecretBytes] {
  /// For comparing: keys have no equality of their own.
  var texts: [KeyOwner: String] { mapValues { $0.copiedBytes.hex } }
}

/// Directories of this run, removed when the process ends: a vault may outlive the fixture that made it.
enum TestHomes {
  private static let made = Mutex<[String]>([])
  private static let removal: Void = {
    atexit {
      for path in TestHomes.made.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
    return
  }()

  static func make() throws -> String {
    _ = removal
    let path = try TestDatabase.temporaryHome()
    made.withLock { $0.append(path) }
    return path
  }
}
