package import Model
package import Postgres

/// What can carry a label.
package enum LabelledItem: Hashable, Sendable {
  case conversation(RouteKey, ConversationID)
  case message(MessageKey)

  var route: Int64 {
    switch self {
    case .conversation(let route, _): route.rawValue
    case .message(let key): key.high
    }
  }

  var kind: Int16 {
    switch self {
    case .conversation: 1
    case .message: 2
    }
  }

  var number: Int64 {
    switch self {
    case .conversation(_, let id): id.rawValue
    case .message(let key): key.low
    }
  }

  init(route: Int64, kind: Int64, number: Int64) {
    self =
      kind == 1
      ? .conversation(RouteKey(rawValue: route), ConversationID(rawValue: number))
      : .message(MessageKey(high: route, low: number))
  }
}

package struct LabelRow: Hashable, Sendable {
  package let id: Int64
  package let item: LabelledItem
  /// `nil`: taken off.
  package let label: String?
  package let changedAt: Timestamp
  /// Until then nothing is deleted for the change's sake.
  package let settlesAt: Timestamp

  package init(id: Int64, item: LabelledItem, label: String?, changedAt: Timestamp, settlesAt: Timestamp) {
    self.id = id
    self.item = item
    self.label = label
    self.changedAt = changedAt
    self.settlesAt = settlesAt
  }
}

/// At most one label an item. Whoever changes one holds the tenant's governance lock exclusively, so that no deletion
/// is under way that has not seen it.
package enum RetentionLabels {
  /// Rows of those that have or had a label.
  package static func find(_ items: Set<LabelledItem>, tenant: TenantID, in tx: borrowing Transaction) throws
    -> [LabelledItem: LabelRow]
  {
    guard !items.isEmpty else { return [:] }
    let items = Array(items)
    let found = rows(
      try tx.execute(
        find,
        [
          .int8Array(items.map(\.route)), .int2Array(items.map(\.kind)), .int8Array(items.map(\.number)),
          .int8(tenant.rawValue),
        ]))
    return Dictionary(found.map { ($0.item, $0) }) { first, _ in first }
  }

  /// Labels there are, in the order of their ids.
  package static func list(
    _ label: String?, tenant: TenantID, after cursor: Int64, limit: Int, in tx: borrowing Transaction
  ) throws -> [LabelRow] {
    rows(
      try tx.execute(
        list,
        [
          .int8(tenant.rawValue), label.map { .text($0) } ?? .null, .int8(cursor), .int8(Int64(limit)),
        ]))
  }

  package static func set(_ row: LabelRow, tenant: TenantID, in tx: borrowing Transaction) throws {
    try tx.execute(
      set,
      [
        .int8(row.item.route), .int2(row.item.kind), .int8(row.item.number), .int8(row.id),
        .int8(tenant.rawValue), row.label.map { .text($0) } ?? .null,
        .timestamp(microseconds: row.changedAt.microseconds),
        .timestamp(microseconds: row.settlesAt.microseconds),
      ])
  }

  /// With the items themselves.
  package static func remove(_ items: [LabelledItem], in tx: borrowing Transaction) throws {
    guard !items.isEmpty else { return }
    try tx.execute(
      remove,
      [.int8Array(items.map(\.route)), .int2Array(items.map(\.kind)), .int8Array(items.map(\.number))])
  }

  private static func rows(_ rows: PostgresRows) -> [LabelRow] {
    (0..<rows.count).map { row in
      LabelRow(
        id: rows.int64(row, 0),
        item: LabelledItem(
          route: rows.int64(row, 1), kind: rows.int64(row, 2), number: rows.int64(row, 3)),
        label: rows.textOrNil(row, 4), changedAt: Timestamp(microseconds: rows.timestamp(row, 5)),
        settlesAt: Timestamp(microseconds: rows.timestamp(row, 6)))
    }
  }

  private static let columns = "label_id, route_key, kind, item_id, label, changed_at, settles_at"
  private static let find = """
    SELECT \(columns) FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS n(route, sort, item)
    CROSS JOIN LATERAL (SELECT * FROM retention_label
      WHERE route_key = n.route AND kind = n.sort AND item_id = n.item AND tenant_id = $4 OFFSET 0) l
    """
  private static let list = """
    SELECT \(columns) FROM retention_label
    WHERE tenant_id = $1 AND label IS NOT NULL AND ($2::text IS NULL OR label = $2) AND label_id > $3
    ORDER BY label_id LIMIT $4
    """
  private static let set = """
    INSERT INTO retention_label (route_key, kind, item_id, label_id, tenant_id, label, changed_at, settles_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (route_key, kind, item_id) DO UPDATE SET label = excluded.label, changed_at = excluded.changed_at,
      settles_at = excluded.settles_at
    """
  private static let remove = """
    DELETE FROM retention_label WHERE (route_key, kind, item_id) IN
      (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]))
    """
}
