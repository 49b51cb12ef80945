package import Model
package import Postgres

package struct ConversationRow: Sendable {
  package let id: ConversationID
  package let route: RouteKey
  package let hash: [UInt8]
  package let kind: Int16
  package let isPublic: Bool
  package let clientSealed: Bool
  package let retentionDays: Int32?
  package let sealed: [UInt8]
  package let closedAt: Timestamp?
  /// Of the newest description that said so.
  package let describedAt: Timestamp?

  package init(
    id: ConversationID, route: RouteKey, hash: [UInt8], kind: Int16, isPublic: Bool,
    clientSealed: Bool = false,
    retentionDays: Int32? = nil, sealed: [UInt8], closedAt: Timestamp? = nil,
    describedAt: Timestamp? = nil
  ) {
    self.id = id
    self.route = route
    self.hash = hash
    self.kind = kind
    self.isPublic = isPublic
    self.clientSealed = clientSealed
    self.retentionDays = retentionDays
    self.sealed = sealed
    self.closedAt = closedAt
    self.describedAt = describedAt
  }
}

package enum Conversations {
  package static func find(
    routes: [RouteKey], hashes: [[UInt8]], in tx: borrowing Transaction
  ) throws -> [ConversationRow] {
    rows(
      try tx.execute(
        select + " WHERE (route_key, hash) IN (SELECT * FROM unnest($1::bigint[], $2::bytea[]))",
        [.int8Array(routes.map(\.rawValue)), .bytesArray(hashes)]))
  }

  package static func find(_ ids: [ConversationID], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [ConversationRow]
  {
    rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND conversation_id = ANY($2)",
        [.int8(tenant.rawValue), .int8Array(ids.map(\.rawValue))]))
  }

  /// In order of id, after `cursor`.
  package static func list(
    tenant: TenantID, after cursor: ConversationID? = nil, publicChannels: Bool = false, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [ConversationRow] {
    rows(
      try tx.execute(
        select
          + " WHERE tenant_id = $1 AND conversation_id > $2 AND (NOT $3 OR is_public AND kind = 3) ORDER BY conversation_id LIMIT $4",
        [
          .int8(tenant.rawValue), .int8(cursor?.rawValue ?? Int64.min), .bool(publicChannels),
          .int8(Int64(limit)),
        ]))
  }

  /// Ids of a tenant's conversations whose messages are in the given groups of the index, in order.
  package static func list(
    tenant: TenantID, in found: Set<Int>, of groups: Int, limit: Int, in tx: borrowing Transaction
  ) throws -> [ConversationID] {
    let rows = try tx.execute(
      inGroups,
      [
        .int8(tenant.rawValue), .int8Array(found.map { Int64($0) }.sorted()), .int8(Int64(groups)),
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { ConversationID(rawValue: rows.int64($0, 0)) }
  }

  package static func insert(
    _ new: [ConversationRow], tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      insert,
      [
        .int8(tenant.rawValue), .int8Array(new.map(\.route.rawValue)), .int8Array(new.map(\.id.rawValue)),
        .bytesArray(new.map(\.hash)), .int2Array(new.map(\.kind)), .boolArray(new.map(\.isPublic)),
        .bytesArray(new.map(\.sealed)), .timestamp(microseconds: now.microseconds),
      ])
    if new.contains(where: \.isPublic) { try noteChannels(of: tenant, in: tx) }
  }

  package static func update(
    _ row: ConversationRow, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    // Locked, so that of two changes side by side the later one sees what the earlier one made of it.
    let known = try tx.execute(lockRow, [.int8(row.route.rawValue), .int8(row.id.rawValue)])
    if known.count > 0, known.bool(0, 0) != row.isPublic || known.int64(0, 1) != Int64(row.kind) {
      try noteChannels(of: tenant, in: tx)
    }
    try tx.execute(
      updateRow,
      [
        .int8(row.route.rawValue), .int8(row.id.rawValue), .int2(row.kind), .bool(row.isPublic),
        .bool(row.clientSealed), row.retentionDays.map { .int4($0) } ?? .null, .bytes(row.sealed),
        .timestamp(microseconds: now.microseconds),
        row.describedAt.map { .timestamp(microseconds: $0.microseconds) } ?? .null,
      ])
  }

  /// Another number after every change of which of the tenant's channels are public; 0: there never was one. Channels
  /// that are listed after it are no older.
  package static func channelsVersion(of tenant: TenantID, in tx: borrowing Transaction) throws -> Int64 {
    let rows = try tx.execute(
      "SELECT version FROM channel_version WHERE tenant_id = $1", [.int8(tenant.rawValue)])
    return rows.count == 0 ? 0 : rows.int64(0, 0)
  }

  private static func noteChannels(of tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(noteChannels, [.int8(tenant.rawValue), .int8(.random(in: .min ... .max))])
  }

  /// Returns whether it was open.
  package static func close(
    _ id: ConversationID, route: RouteKey, at time: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      "UPDATE conversation SET closed_at = $3 WHERE route_key = $1 AND conversation_id = $2 AND closed_at IS NULL",
      [.int8(route.rawValue), .int8(id.rawValue), .timestamp(microseconds: time.microseconds)]
    ).affected > 0
  }

  private static func rows(_ rows: PostgresRows) -> [ConversationRow] {
    (0..<rows.count).map {
      ConversationRow(
        id: ConversationID(rawValue: rows.int64($0, 0)), route: RouteKey(rawValue: rows.int64($0, 1)),
        hash: rows.bytes($0, 2), kind: Int16(rows.int64($0, 3)), isPublic: rows.bool($0, 4),
        clientSealed: rows.bool($0, 5), retentionDays: rows.int64OrNil($0, 6).map { Int32($0) },
        sealed: rows.bytes($0, 7), closedAt: rows.timestampOrNil($0, 8).map { Timestamp(microseconds: $0) },
        describedAt: rows.timestampOrNil($0, 9).map { Timestamp(microseconds: $0) })
    }
  }

  private static let select = """
    SELECT conversation_id, route_key, hash, kind, is_public, client_sealed, retention_days, sealed, closed_at,
      described_at
    FROM conversation
    """
  // The group of a route as `RouteKey.group(of:)` has it.
  private static let inGroups = """
    SELECT conversation_id FROM conversation
    WHERE tenant_id = $1 AND (route_key >> 32 & 4294967295) % $3 = ANY($2) ORDER BY conversation_id LIMIT $4
    """
  private static let insert = """
    INSERT INTO conversation
      (tenant_id, route_key, conversation_id, hash, kind, is_public, client_sealed, sealed, updated_at)
    SELECT $1, route, id, hash, kind, public, false, sealed, $8
    FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::smallint[], $6::boolean[], $7::bytea[])
      AS n(route, id, hash, kind, public, sealed)
    ON CONFLICT DO NOTHING
    """
  private static let noteChannels = """
    INSERT INTO channel_version (tenant_id, version) VALUES ($1, $2)
    ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version
    """
  private static let lockRow =
    "SELECT is_public, kind FROM conversation WHERE route_key = $1 AND conversation_id = $2 FOR UPDATE"
  private static let updateRow = """
    UPDATE conversation SET kind = $3, is_public = $4, client_sealed = $5, retention_days = $6, sealed = $7,
      updated_at = $8, described_at = $9::timestamptz
    WHERE route_key = $1 AND conversation_id = $2 AND (described_at IS NULL OR described_at <= $9::timestamptz)
    """
}
