package import Model
package import Postgres

/// The dictionaries of a tenant's segments, sealed. Which one a segment needs its row says.
package enum ArchiveDictionaries {
  package static func insert(
    _ id: [UInt8], sealed: [UInt8], tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      INSERT INTO archive_dictionary (tenant_id, dictionary_id, sealed, created_at) VALUES ($1, $2, $3, $4)
      """,
      [
        .int8(tenant.rawValue), .bytes(id), .bytes(sealed), .timestamp(microseconds: now.microseconds),
      ])
  }

  package static func sealed(_ id: [UInt8], tenant: TenantID, in tx: borrowing Transaction) throws -> [UInt8]?
  {
    let rows = try tx.execute(
      "SELECT sealed FROM archive_dictionary WHERE tenant_id = $1 AND dictionary_id = $2",
      [.int8(tenant.rawValue), .bytes(id)])
    return rows.count == 0 ? nil : rows.bytes(0, 0)
  }

  package static func newest(tenant: TenantID, in tx: borrowing Transaction) throws -> [UInt8]? {
    let rows = try tx.execute(
      """
      SELECT dictionary_id FROM archive_dictionary WHERE tenant_id = $1
      ORDER BY created_at DESC, dictionary_id LIMIT 1
      """, [.int8(tenant.rawValue)])
    return rows.count == 0 ? nil : rows.bytes(0, 0)
  }
}
