package import Model
package import Postgres

/// The monthly partitions of the hot table.
package enum Partitions {
  /// Makes the partitions for the periods unless they exist.
  package static func ensure(_ periods: Set<Period>, in tx: borrowing Transaction) throws {
    let existing = Set(try list(in: tx))
    let missing = periods.subtracting(existing)
    guard !missing.isEmpty else { return }
    try tx.execute("SELECT pg_advisory_xact_lock(7203014417)")
    for period in missing.sorted() {
      // Names and bounds come from numbers, so nothing foreign reaches this statement.
      try tx.executeScript(
        """
        CREATE TABLE IF NOT EXISTS message_\(period.identifier) PARTITION OF message
          FOR VALUES FROM ('\(period.start.rfc3339)') TO ('\(period.end.rfc3339)')
        """)
    }
  }

  package static func list(in tx: borrowing Transaction) throws -> [Period] {
    periods(try tx.execute(list))
  }

  /// Those without a page: vacuum gives them back some time after the last row was deleted. Whether one that still has
  /// pages holds a row is found by reading all of them, which would keep everybody from the table.
  package static func withoutPages(in tx: borrowing Transaction) throws -> [Period] {
    periods(try tx.execute(list + " AND pg_relation_size(c.oid) = 0"))
  }

  private static func periods(_ rows: PostgresRows) -> [Period] {
    (0..<rows.count).compactMap { row in
      let parts = rows.text(row, 0).split(separator: "_")
      guard parts.count == 3, let year = Int32(parts[1]), let month = Int32(parts[2]) else { return nil }
      return Period(rawValue: year * 12 + month - 1)
    }
  }

  /// Drops the partition if it holds no rows; waits at most two seconds for its readers.
  /// - Returns: whether it is gone.
  package static func dropIfEmpty(_ period: Period, in tx: borrowing Transaction) throws -> Bool {
    guard try list(in: tx).contains(period) else { return false }
    try tx.execute("SET LOCAL lock_timeout = '2s'")
    try tx.execute("LOCK TABLE ONLY message IN ACCESS EXCLUSIVE MODE")
    let name = "message_\(period.identifier)"
    guard try tx.execute("SELECT 1 FROM \(name) LIMIT 1").count == 0 else { return false }
    try tx.executeScript("DROP TABLE \(name)")
    return true
  }

  private static let list = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'message'::regclass
    """
}
