package import Model
package import Postgres

/// Whom or what an event has happened to.
package enum EventOwner: Hashable, Sendable {
  case conversation(RouteKey, ConversationID)
  case subject(SubjectID)

  var route: Int64 {
    switch self {
    case .conversation(let route, _): route.rawValue
    case .subject(let id): id.rawValue
    }
  }

  var kind: Int16 {
    switch self {
    case .conversation: 1
    case .subject: 2
    }
  }

  var number: Int64 {
    switch self {
    case .conversation(_, let id): id.rawValue
    case .subject(let id): id.rawValue
    }
  }

  init(route: Int64, kind: Int64, number: Int64) {
    self =
      kind == 1
      ? .conversation(RouteKey(rawValue: route), ConversationID(rawValue: number))
      : .subject(SubjectID(rawValue: number))
  }
}

package struct EventRow: Hashable, Sendable {
  package let id: Int64
  package let owner: EventOwner
  package let event: String
  /// May be to come; `nil`: withdrawn.
  package let happenedAt: Timestamp?
  package let statedAt: Timestamp
  /// Until then nothing is deleted for the statement's sake.
  package let settlesAt: Timestamp

  package init(
    id: Int64, owner: EventOwner, event: String, happenedAt: Timestamp?, statedAt: Timestamp,
    settlesAt: Timestamp
  ) {
    self.id = id
    self.owner = owner
    self.event = event
    self.happenedAt = happenedAt
    self.statedAt = statedAt
    self.settlesAt = settlesAt
  }
}

/// Events that policies count from. Whoever states one holds the tenant's governance lock exclusively, so that no
/// deletion is under way that has not seen it.
package enum RetentionEvents {
  /// All that was stated of the owners, what was withdrawn included.
  package static func find(_ owners: Set<EventOwner>, tenant: TenantID, in tx: borrowing Transaction) throws
    -> [EventRow]
  {
    guard !owners.isEmpty else { return [] }
    let owners = Array(owners)
    return rows(
      try tx.execute(
        find,
        [
          .int8Array(owners.map(\.route)), .int2Array(owners.map(\.kind)), .int8Array(owners.map(\.number)),
          .int8(tenant.rawValue),
        ]))
  }

  /// In the order of their ids, without what was withdrawn.
  package static func list(
    _ event: String?, tenant: TenantID, after cursor: Int64, limit: Int, in tx: borrowing Transaction
  ) throws -> [EventRow] {
    rows(
      try tx.execute(
        list,
        [
          .int8(tenant.rawValue), event.map { .text($0) } ?? .null, .int8(cursor), .int8(Int64(limit)),
        ]))
  }

  /// When each event happened first to anybody or anything of the tenant.
  package static func earliest(tenant: TenantID, in tx: borrowing Transaction) throws -> [String: Timestamp] {
    let rows = try tx.execute(earliest, [.int8(tenant.rawValue)])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map {
        (rows.text($0, 0), Timestamp(microseconds: rows.timestamp($0, 1)))
      })
  }

  package static func set(_ row: EventRow, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      set,
      [
        .int8(row.owner.route), .int2(row.owner.kind), .int8(row.owner.number), .text(row.event),
        .int8(row.id), .int8(tenant.rawValue),
        row.happenedAt.map { .timestamp(microseconds: $0.microseconds) } ?? .null,
        .timestamp(microseconds: row.statedAt.microseconds),
        .timestamp(microseconds: row.settlesAt.microseconds),
      ])
  }

  /// With the owner. A person's stay as long as something of theirs has to be kept: its floor may count from them.
  package static func removeAll(of owner: EventOwner, in tx: borrowing Transaction) throws {
    try tx.execute(removeAll, [.int8(owner.route), .int2(owner.kind), .int8(owner.number)])
  }

  private static func rows(_ rows: PostgresRows) -> [EventRow] {
    (0..<rows.count).map { row in
      EventRow(
        id: rows.int64(row, 0),
        owner: EventOwner(
          route: rows.int64(row, 1), kind: rows.int64(row, 2), number: rows.int64(row, 3)),
        event: rows.text(row, 4),
        happenedAt: rows.timestampOrNil(row, 5).map { Timestamp(microseconds: $0) },
        statedAt: Timestamp(microseconds: rows.timestamp(row, 6)),
        settlesAt: Timestamp(microseconds: rows.timestamp(row, 7)))
    }
  }

  private static let columns = "event_id, route_key, kind, item_id, event, happened_at, stated_at, settles_at"
  private static let find = """
    SELECT \(columns) FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS n(route, sort, item)
    CROSS JOIN LATERAL (SELECT * FROM retention_event
      WHERE route_key = n.route AND kind = n.sort AND item_id = n.item AND tenant_id = $4 OFFSET 0) e
    """
  private static let list = """
    SELECT \(columns) FROM retention_event
    WHERE tenant_id = $1 AND happened_at IS NOT NULL AND ($2::text IS NULL OR event = $2) AND event_id > $3
    ORDER BY event_id LIMIT $4
    """
  private static let earliest = """
    SELECT event, min(happened_at) FROM retention_event WHERE tenant_id = $1 AND happened_at IS NOT NULL GROUP BY event
    """
  private static let set = """
    INSERT INTO retention_event
      (route_key, kind, item_id, event, event_id, tenant_id, happened_at, stated_at, settles_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (route_key, kind, item_id, event) DO UPDATE SET happened_at = excluded.happened_at,
      stated_at = excluded.stated_at, settles_at = excluded.settles_at
    """
  private static let removeAll = """
    DELETE FROM retention_event WHERE route_key = $1 AND kind = $2 AND item_id = $3
      AND NOT ($2 = 2 AND EXISTS (SELECT 1 FROM message_locator WHERE sender_id = $3 AND state = 5))
    """
}
