package import Model
package import Postgres

/// One version of a tenant's set of retention policies. The document names subjects and conversations by number.
package struct PolicySetRow: Sendable, Hashable {
  package let tenant: TenantID
  /// 1, 2, 3, … without gaps.
  package let version: Int32
  /// JSON.
  package let document: String
  package let effectiveAt: Timestamp
  package let createdAt: Timestamp

  package init(
    tenant: TenantID, version: Int32, document: String, effectiveAt: Timestamp, createdAt: Timestamp
  ) {
    self.tenant = tenant
    self.version = version
    self.document = document
    self.effectiveAt = effectiveAt
    self.createdAt = createdAt
  }
}

package enum Policies {
  /// All versions, oldest first: none is ever changed or removed, as decisions name them.
  package static func sets(tenant: TenantID, in tx: borrowing Transaction) throws -> [PolicySetRow] {
    let rows = try tx.execute(select, [.int8(tenant.rawValue)])
    return (0..<rows.count).map { row in
      PolicySetRow(
        tenant: tenant, version: Int32(rows.int64(row, 0)), document: rows.text(row, 1),
        effectiveAt: Timestamp(microseconds: rows.timestamp(row, 2)),
        createdAt: Timestamp(microseconds: rows.timestamp(row, 3)))
    }
  }

  /// The caller holds the tenant's governance lock exclusively and numbers the version.
  package static func insert(_ set: PolicySetRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      insert,
      [
        .int8(set.tenant.rawValue), .int4(set.version), .json(set.document),
        .timestamp(microseconds: set.effectiveAt.microseconds),
        .timestamp(microseconds: set.createdAt.microseconds),
      ])
  }

  private static let select = """
    SELECT version, document::text, effective_at, created_at FROM retention_policy_set
    WHERE tenant_id = $1 ORDER BY version
    """
  private static let insert = """
    INSERT INTO retention_policy_set (tenant_id, version, document, effective_at, created_at)
    VALUES ($1, $2, $3, $4, $5)
    """
}
