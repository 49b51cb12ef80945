package import Model
package import Postgres

/// The hot rows that a set of segments covers: some conversations of a tenant, in a span of time, up to a feed
/// sequence each.
package struct HotCoverage: Sendable {
  package let tenant: TenantID
  package let from: Timestamp
  package let until: Timestamp
  package let places: [(route: RouteKey, conversation: ConversationID, bound: Int64)]

  package init(
    tenant: TenantID, from: Timestamp, until: Timestamp,
    places: [(route: RouteKey, conversation: ConversationID, bound: Int64)]
  ) {
    self.tenant = tenant
    self.from = from
    self.until = until
    self.places = places
  }

  /// The partition got rows of others' between a look without its lock and one with it.
  package struct NotCovered: Error {}

  /// Removes the rows and returns how many they were. With `dropping`, the partition goes whole if it holds
  /// nothing else; waits two seconds at most for its readers and throws `.lockTimeout` after that, or ``NotCovered``:
  /// then the caller begins again without `dropping`. Rows are never deleted one by one under the partition's lock,
  /// as everybody's reads and writes would wait for that.
  package func removeHot(period: Period, dropping: Bool, in tx: borrowing Transaction) throws -> Int {
    let values: [PostgresValue] = [
      .int8(tenant.rawValue), .timestamp(microseconds: from.microseconds),
      .timestamp(microseconds: until.microseconds),
      .int8Array(places.map(\.route.rawValue)), .int8Array(places.map(\.conversation.rawValue)),
      .int8Array(places.map(\.bound)),
    ]
    let partition = "message_\(period.identifier)"
    if dropping, try !tx.execute(Self.hasOthers(partition), values).bool(0, 0) {
      try tx.execute("SET LOCAL lock_timeout = '2s'")
      try tx.execute("LOCK TABLE ONLY message, ONLY \(partition) IN ACCESS EXCLUSIVE MODE")
      let rows = try tx.execute(Self.count(partition), values)
      guard rows.int64(0, 0) == rows.int64(0, 1) else { throw NotCovered() }
      try tx.executeScript("DROP TABLE \(partition)")
      return Int(rows.int64(0, 0))
    }
    return try tx.execute(Self.delete, values).affected
  }

  private static func count(_ partition: String) -> String {
    "SELECT count(*), count(u.route) FROM \(beside(partition))"
  }

  private static func hasOthers(_ partition: String) -> String {
    "SELECT EXISTS (SELECT 1 FROM \(beside(partition)) WHERE u.route IS NULL)"
  }

  /// Each row of the partition with the place that covers it, if one does.
  private static func beside(_ partition: String) -> String {
    """
    \(partition) m LEFT JOIN unnest($4::bigint[], $5::bigint[], $6::bigint[]) AS u(route, conversation, bound)
      ON m.route_key = u.route AND m.conversation_id = u.conversation AND m.sequence <= u.bound
        AND m.tenant_id = $1 AND m.created_at >= $2 AND m.created_at < $3
    """
  }

  private static let delete = """
    DELETE FROM message m USING unnest($4::bigint[], $5::bigint[], $6::bigint[]) AS u(route, conversation, bound)
    WHERE m.route_key = u.route AND m.conversation_id = u.conversation AND m.sequence <= u.bound
      AND m.tenant_id = $1 AND m.created_at >= $2 AND m.created_at < $3
    """
}
