package import Model
package import Postgres

/// What a tenant's records of processing count, store by store.
package enum ProcessingFacts {
  /// A count ends there: a report is not worth reading a whole big table.
  package static let countMax = 1_000_000

  /// Rows by store, each up to ``countMax``.
  package static func counts(tenant: TenantID, in tx: borrowing Transaction) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for (name, rows) in stores {
      counts[name] = Int(
        try tx.execute(
          "SELECT count(*) FROM (\(rows) LIMIT \(countMax)) r", [.int8(tenant.rawValue)]
        ).int64(0, 0))
    }
    return counts
  }

  private static let stores = [
    ("people", "SELECT 1 FROM subject WHERE tenant_id = $1"),
    ("conversations", "SELECT 1 FROM conversation WHERE tenant_id = $1"),
    ("sealed_conversations", "SELECT 1 FROM conversation WHERE tenant_id = $1 AND client_sealed"),
    ("messages", "SELECT 1 FROM message_locator WHERE tenant_id = $1 AND state IN (1, 5)"),
    ("memberships", "SELECT 1 FROM subject_conversation WHERE tenant_id = $1"),
    ("name_tokens", "SELECT 1 FROM subject_token WHERE tenant_id = $1"),
    ("saved_searches", "SELECT 1 FROM saved_search WHERE tenant_id = $1"),
    ("set_aside", "SELECT 1 FROM set_aside WHERE tenant_id = $1"),
    ("preserved_copies", "SELECT 1 FROM preserved_copy WHERE tenant_id = $1"),
    ("audit_entries", "SELECT 1 FROM audit_entry WHERE tenant_id = $1"),
    ("holds", "SELECT 1 FROM hold WHERE tenant_id = $1 AND released_at IS NULL"),
  ]

  package struct Handed: Sendable {
    package let insideHome: Bool
    package let formats: [String]
    package let packages: Int
    package let latest: Timestamp
  }

  /// Packages that were made and not withdrawn, by where they went.
  package static func exports(tenant: TenantID, in tx: borrowing Transaction) throws -> [Handed] {
    let rows = try tx.execute(
      """
      SELECT inside_home, array_to_string(formats, ','), count(*), max(created_at) FROM export
      WHERE tenant_id = $1 AND state = 'completed' GROUP BY inside_home, formats ORDER BY inside_home, formats
      """, [.int8(tenant.rawValue)])
    return (0..<rows.count).map { row in
      Handed(
        insideHome: rows.bool(row, 0), formats: rows.text(row, 1).split(separator: ",").map(String.init),
        packages: Int(rows.int64(row, 2)), latest: Timestamp(microseconds: rows.timestamp(row, 3)))
    }
  }

  /// Conversations with retention days of their own: how many, the fewest and the most days.
  package static func ownDays(tenant: TenantID, in tx: borrowing Transaction) throws -> (
    conversations: Int, fewest: Int, most: Int
  )? {
    let rows = try tx.execute(
      """
      SELECT count(*), min(retention_days), max(retention_days) FROM conversation
      WHERE tenant_id = $1 AND retention_days IS NOT NULL
      """, [.int8(tenant.rawValue)])
    let count = Int(rows.int64(0, 0))
    return count == 0 ? nil : (count, Int(rows.int64(0, 1)), Int(rows.int64(0, 2)))
  }
}
