import Governance
import Model
import Postgres
import Synchronization

/// Policies of tenants as they were parsed last. Every deletion asks for floors; versions that count are only ever
/// added, so that the newest one tells whether what is known is all there is.
enum KnownPolicies {
  private struct Place: Hashable {
    let database: String
    let tenant: TenantID
  }
  private struct Known {
    let version: Int64
    let createdAt: Int64
    let policies: [Policy]
  }

  private static let known = Mutex<[Place: Known]>([:])
  private static let tenantsMax = 1_000

  /// All versions of all policies, as the transaction sees them.
  static func all(of tenant: TenantID, in tx: borrowing Transaction) throws -> [Policy] {
    let newest = try tx.execute(newest, [.int8(tenant.rawValue)])
    guard newest.count > 0 else { return [] }
    let place = Place(database: newest.text(0, 0), tenant: tenant)
    let (version, createdAt) = (newest.int64(0, 1), newest.timestamp(0, 2))
    if let found = known.withLock({ $0[place] }), found.version == version, found.createdAt == createdAt {
      return found.policies
    }
    let policies = try PolicyHistory(Policies.sets(tenant: tenant, in: tx)).policies
    known.withLock { known in
      if known.count >= tenantsMax { known = [:] }
      known[place] = Known(version: version, createdAt: createdAt, policies: policies)
    }
    return policies
  }

  private static let newest = """
    SELECT current_database()::text, version::bigint, created_at FROM retention_policy_set
    WHERE tenant_id = $1 AND state = 'stands' ORDER BY version DESC LIMIT 1
    """
}
