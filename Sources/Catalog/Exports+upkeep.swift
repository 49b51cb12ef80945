package import Model
package import Postgres

/// What exports of a tenant take up.
package struct ExportUsage: Sendable, Hashable {
  package let running: Int
  /// Packages below the home whose content is there.
  package let packages: Int
  package let bytes: Int64
}

extension Exports {
  /// A run begins, or goes on, with so many messages written already. Returns `false` if the export is not running.
  package static func start(
    _ export: Int64, expected: Int64, messages: Int64, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      start,
      [.int8(export), .int8(expected), .int8(messages), .timestamp(microseconds: now.microseconds)]
    ).affected > 0
  }

  /// Says that a run is alive and how far it is. Returns `false` if it was cancelled, withdrawn or given up.
  package static func beat(_ export: Int64, messages: Int64, at now: Timestamp, in tx: borrowing Transaction)
    throws -> Bool
  {
    try tx.execute(
      beat, [.int8(export), .int8(messages), .timestamp(microseconds: now.microseconds)]
    ).affected > 0
  }

  /// Returns whether it was running.
  package static func cancel(_ export: Int64, at now: Timestamp, in tx: borrowing Transaction) throws -> Bool
  {
    try tx.execute(cancel, [.int8(export), .timestamp(microseconds: now.microseconds)]).affected > 0
  }

  /// Nothing of an export is left on a disk: erasures need not find it any more.
  package static func forgetPeople(of export: Int64, in tx: borrowing Transaction) throws {
    try tx.execute(removeSubjects, [.int8(export)])
  }

  /// How big the package is, and until when it is kept; of a completed one.
  package static func note(
    _ export: Int64, bytes: Int64, expiresAt: Timestamp?, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      UPDATE export SET content_bytes = $2, expires_at = coalesce(expires_at, $3)
      WHERE export_id = $1 AND state = 'completed'
      """,
      [
        .int8(export), .int8(bytes), expiresAt.map { .timestamp(microseconds: $0.microseconds) } ?? .null,
      ])
  }

  /// States that the content of a completed package goes, before it does; `false` if that is stated already. The
  /// record stays.
  package static func remove(
    _ export: Int64, because reason: ExportRow.Removal, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      remove, [.int8(export), .text(reason.rawValue), .timestamp(microseconds: now.microseconds)]
    ).affected > 0
  }

  /// Whether the hold a package was made for is in force; it stays as it is until the transaction ends.
  package static func isHeld(_ export: Int64, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(held, [.int8(export)]).count > 0
  }

  /// Completed packages below the home whose time is up at `now`.
  package static func due(tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction) throws
    -> [ExportRow]
  {
    rows(
      try tx.execute(
        "SELECT \(columns) FROM export WHERE tenant_id = $1 AND \(isThere) AND expires_at <= $2 ORDER BY export_id",
        [.int8(tenant.rawValue), .timestamp(microseconds: now.microseconds)]))
  }

  /// How many packages of all tenants expire up to a moment and after another.
  package static func expiring(from now: Timestamp, to then: Timestamp, in tx: borrowing Transaction) throws
    -> Int
  {
    Int(
      try tx.execute(
        "SELECT count(*) FROM export WHERE \(isThere) AND expires_at > $1 AND expires_at <= $2",
        [now, then].map { .timestamp(microseconds: $0.microseconds) }
      ).int64(0, 0))
  }

  /// Runs of all tenants that have not said that they are alive since a moment; those that nobody waits for may take an
  /// hour longer to begin.
  package static func silent(since moment: Timestamp, in tx: borrowing Transaction) throws -> [Int64] {
    let found = try tx.execute(
      """
      SELECT export_id FROM export WHERE state = 'running' AND coalesce(beat_at, created_at)
        < $1 - CASE WHEN unattended AND beat_at IS NULL THEN interval '1 hour' ELSE interval '0' END
      ORDER BY created_at LIMIT 100
      """, [.timestamp(microseconds: moment.microseconds)])
    return (0..<found.count).map { found.int64($0, 0) }
  }

  /// Exports of all tenants that a server has to write by itself, oldest first.
  package static func unattended(limit: Int, in tx: borrowing Transaction) throws -> [ExportRow] {
    rows(
      try tx.execute(
        "SELECT \(columns) FROM export WHERE state = 'running' AND unattended ORDER BY created_at, export_id LIMIT $1",
        [.int8(Int64(limit))]))
  }

  package static func usage(tenant: TenantID, in tx: borrowing Transaction) throws -> ExportUsage {
    let found = try tx.execute(
      """
      SELECT count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE \(isThere)),
        coalesce(sum(content_bytes) FILTER (WHERE \(isThere)), 0)::bigint
      FROM export WHERE tenant_id = $1
      """, [.int8(tenant.rawValue)])
    return ExportUsage(
      running: Int(found.int64(0, 0)), packages: Int(found.int64(0, 1)), bytes: found.int64(0, 2))
  }

  private static let isThere = "state = 'completed' AND inside_home AND removed_at IS NULL"
  private static let start = """
    UPDATE export SET expected_count = $2, started_count = $3, message_count = $3, started_at = $4, beat_at = $4
    WHERE export_id = $1 AND state = 'running'
    """
  private static let beat =
    "UPDATE export SET message_count = $2, beat_at = $3 WHERE export_id = $1 AND state = 'running'"
  private static let cancel =
    "UPDATE export SET state = 'cancelled', finished_at = $2 WHERE export_id = $1 AND state = 'running'"
  private static let remove = """
    UPDATE export SET removal = $2, removed_at = $3
    WHERE export_id = $1 AND state = 'completed' AND removed_at IS NULL
    """
  private static let held = """
    SELECT 1 FROM hold h JOIN export e ON e.hold_id = h.hold_id
    WHERE e.export_id = $1 AND h.released_at IS NULL FOR SHARE OF h
    """
}
