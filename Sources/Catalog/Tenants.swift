package import Model
package import Postgres

/// A tenant and the switches that are its own.
package struct Tenant: Sendable, Hashable {
  package let id: TenantID
  package let name: String
  /// `approvals.second_person`: whether approver and requester must differ.
  package var secondPerson: Bool
  /// Whether members may read the tenant's public channels without joining.
  package var publicChannels: Bool
  /// Whether a blinded `sequence` of tokens is accepted.
  package var revealsOrder: Bool
  /// Whether members find everybody of the tenant, not only those they share a conversation with.
  package var openDirectory: Bool
  /// Whether the server makes tokens of names that came without any.
  package var tokenizesNames: Bool
  /// Another number after every change of which channels are public.
  package var channelsVersion: Int64

  package init(
    id: TenantID, name: String, secondPerson: Bool = true, publicChannels: Bool = false,
    revealsOrder: Bool = false, openDirectory: Bool = false, tokenizesNames: Bool = false,
    channelsVersion: Int64 = 0
  ) {
    self.id = id
    self.name = name
    self.secondPerson = secondPerson
    self.publicChannels = publicChannels
    self.revealsOrder = revealsOrder
    self.openDirectory = openDirectory
    self.tokenizesNames = tokenizesNames
    self.channelsVersion = channelsVersion
  }
}

package enum Tenants {
  /// Creates the tenant unless it exists; returns it either way.
  package static func ensure(_ name: String, at now: Timestamp, in tx: borrowing Transaction) throws -> Tenant
  {
    if let tenant = try find(name, in: tx) { return tenant }
    try tx.execute("SELECT pg_advisory_xact_lock(7203014416)")
    try tx.execute(insert, [.text(name), .timestamp(microseconds: now.microseconds)])
    guard let tenant = try find(name, in: tx) else {
      throw CatalogError(.unknownTenant, "tenant \(name) could not be created")
    }
    return tenant
  }

  package static func find(_ name: String, in tx: borrowing Transaction) throws -> Tenant? {
    let rows = try tx.execute(select + " WHERE name = $1", [.text(name)])
    return rows.count == 0 ? nil : tenant(rows, 0)
  }

  /// As ``find(_:in:)-(String,_)``, with the subject of that hash, unless it is being erased, and
  /// ``Memberships/version(of:in:)`` of theirs: what a member's request begins with, in one look.
  package static func find(_ name: String, member hash: [UInt8], in tx: borrowing Transaction) throws
    -> (tenant: Tenant, member: SubjectID?, version: Int64?)?
  {
    let rows = try tx.execute(withMember, [.text(name), .bytes(hash)])
    guard rows.count > 0 else { return nil }
    return (
      tenant(rows, 0), rows.int64OrNil(0, 8).map { SubjectID(rawValue: $0) }, rows.int64OrNil(0, 9)
    )
  }

  package static func find(_ id: TenantID, in tx: borrowing Transaction) throws -> Tenant? {
    let rows = try tx.execute(select + " WHERE tenant_id = $1", [.int8(id.rawValue)])
    return rows.count == 0 ? nil : tenant(rows, 0)
  }

  package static func all(in tx: borrowing Transaction) throws -> [Tenant] {
    let rows = try tx.execute(select + " ORDER BY tenant_id")
    return (0..<rows.count).map { tenant(rows, $0) }
  }

  package static func set(_ key: String, _ value: Bool, tenant: TenantID, in tx: borrowing Transaction) throws
  {
    try tx.execute(update, [.int8(tenant.rawValue), .text(key), .bool(value)])
  }

  /// Taken in share mode by whoever deletes, exclusively by whoever places a hold: a hold that is placed while a
  /// deletion is under way waits for it, and every later deletion sees the hold.
  package static func lockGovernance(_ tenant: TenantID, exclusive: Bool, in tx: borrowing Transaction) throws
  {
    try tx.execute(exclusive ? lockExclusive : lockShared, [.int8(tenant.rawValue)])
  }

  private static func tenant(_ rows: PostgresRows, _ row: Int) -> Tenant {
    Tenant(
      id: TenantID(rawValue: rows.int64(row, 0)), name: rows.text(row, 1), secondPerson: rows.bool(row, 2),
      publicChannels: rows.bool(row, 3), revealsOrder: rows.bool(row, 4), openDirectory: rows.bool(row, 5),
      tokenizesNames: rows.bool(row, 6), channelsVersion: rows.int64(row, 7))
  }

  private static let select = """
    SELECT tenant_id, name, coalesce((settings->>'approvals.second_person')::boolean, true),
      coalesce((settings->>'search.public_channels')::boolean, false),
      coalesce((settings->>'tokens.reveal_order')::boolean, false),
      coalesce((settings->>'directory.open')::boolean, false),
      coalesce((settings->>'directory.server_tokens')::boolean, false),
      coalesce((SELECT version FROM channel_version v WHERE v.tenant_id = tenant.tenant_id), 0)
    FROM tenant
    """
  private static let withMember = """
    SELECT t.*, s.subject_id, v.version FROM (\(select) WHERE name = $1) t
    LEFT JOIN subject s ON s.tenant_id = t.tenant_id AND s.hash = $2 AND s.state <> 3
    LEFT JOIN membership_version v ON v.route_key = s.subject_id AND v.subject_id = s.subject_id
    """
  private static let insert = """
    INSERT INTO tenant (tenant_id, name, created_at)
    SELECT coalesce(max(tenant_id), 0) + 1, $1, $2 FROM tenant ON CONFLICT (name) DO NOTHING
    """
  private static let update =
    "UPDATE tenant SET settings = jsonb_set(settings, ARRAY[$2::text], to_jsonb($3::boolean)) WHERE tenant_id = $1"
  private static let lockShared = "SELECT 1 FROM tenant WHERE tenant_id = $1 FOR SHARE"
  private static let lockExclusive = "SELECT 1 FROM tenant WHERE tenant_id = $1 FOR UPDATE"
}
