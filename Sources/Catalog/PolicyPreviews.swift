package import Model
package import Postgres

/// The preview that belongs to a version of a tenant's policies.
package struct PolicyPreviewRow: Sendable, Hashable {
  package let version: Int32
  /// JSON with numbers for conversations and messages, byte for byte as it was hashed.
  package let document: String
  /// The audit entry that has the hash.
  package let auditIndex: Int64

  package init(version: Int32, document: String, auditIndex: Int64) {
    self.version = version
    self.document = document
    self.auditIndex = auditIndex
  }
}

/// Written with the change, and never again.
package enum PolicyPreviews {
  package static func insert(_ row: PolicyPreviewRow, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      "INSERT INTO policy_preview (tenant_id, version, document, audit_index) VALUES ($1, $2, $3, $4)",
      [.int8(tenant.rawValue), .int4(row.version), .text(row.document), .int8(row.auditIndex)])
  }

  /// `nil`: the version was set before previews were kept.
  package static func find(_ version: Int32, tenant: TenantID, in tx: borrowing Transaction) throws
    -> PolicyPreviewRow?
  {
    let rows = try tx.execute(
      "SELECT document, audit_index FROM policy_preview WHERE tenant_id = $1 AND version = $2",
      [.int8(tenant.rawValue), .int4(version)])
    guard rows.count > 0 else { return nil }
    return PolicyPreviewRow(version: version, document: rows.text(0, 0), auditIndex: rows.int64(0, 1))
  }
}
