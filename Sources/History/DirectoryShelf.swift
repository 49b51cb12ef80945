import Catalog
package import KeyVault
package import Model
package import Postgres
import Synchronization

/// Tenants' directories for those who read, with the names they know: kept for as long as the vault takes a key for
/// alive without asking, and no longer than until this process forgets one, so that a name outlives its erasure by no
/// more than its key does. A tenant's settings are read anew every time: they say who may see what.
package final class DirectoryShelf: Sendable {
  private let database: PostgresPool
  private let vault: KeyVault
  private let kept = Mutex<[String: Kept]>([:])

  /// Directories kept at a time.
  private static let keptMax = 1_000

  private struct Kept {
    let directory: Directory
    let madeAt: ContinuousClock.Instant
    let forgets: UInt64
  }

  package init(database: PostgresPool, vault: KeyVault) {
    self.database = database
    self.vault = vault
  }

  /// - Returns: `nil` if there is no tenant of that name.
  package func directory(ofTenant name: String) async throws -> Directory? {
    let (now, forgets) = (ContinuousClock.now, vault.forgets)
    let tenant = try await database.read { tx in try Tenants.find(name, in: tx) }
    return tenant.map { directory(of: $0, now, forgets) }
  }

  /// What a member's request begins with, read anew every time.
  package struct Member: Sendable {
    package let directory: Directory
    /// `nil`: nobody of that id is known.
    package let subject: SubjectID?
    /// As ``Memberships/version(of:in:)``.
    package let version: Int64?
  }

  /// As ``directory(ofTenant:)``, for somebody by the platform's id; in the same visit, but for a tenant's first.
  package func member(_ id: String, ofTenant name: String) async throws -> Member? {
    var known = kept.withLock { $0[name]?.directory }
    if known == nil { known = try await directory(ofTenant: name) }
    guard let known else { return nil }
    let (now, forgets) = (ContinuousClock.now, vault.forgets)
    let hash = known.hasher.hash("subject", id)
    let found = try await database.read { tx in try Tenants.find(name, member: hash, in: tx) }
    guard let found else { return nil }
    let directory = directory(of: found.tenant, now, forgets)
    // The hash is of the tenant there was; another one of the same name is asked by the next request.
    guard found.tenant.id == known.tenant.id else { return nil }
    return Member(directory: directory, subject: found.member, version: found.version)
  }

  private func directory(of tenant: Tenant, _ now: ContinuousClock.Instant, _ forgets: UInt64) -> Directory {
    let name = tenant.name
    if let known = kept.withLock({ $0[name] }), known.forgets == forgets, known.directory.tenant == tenant,
      known.madeAt.duration(to: now) < vault.trust
    {
      return known.directory
    }
    let directory = Directory(tenant: tenant, database: database, vault: vault)
    kept.withLock {
      if $0.count >= Self.keptMax { $0 = [:] }
      $0[name] = Kept(directory: directory, madeAt: now, forgets: forgets)
    }
    return directory
  }
}
