package import Model
package import Postgres

extension Archive {
  /// Whether one of the segments is in the catalogue, replaced ones included.
  package static func knows(anyOf ids: [String], in tx: borrowing Transaction) throws -> Bool {
    try tx.execute("SELECT EXISTS (SELECT 1 FROM segment WHERE segment_id = ANY($1))", [.textArray(ids)])
      .bool(0, 0)
  }

  /// How far the archive has been checked lately; a segment counts as checked when it was sealed, as sealing reads it
  /// back.
  package struct Scrubbing: Sendable, Hashable {
    package let segments: Int
    package let bytes: Int64
    /// Checked at or after the time that was asked for.
    package let checkedSegments: Int
    package let checkedBytes: Int64
    /// When the segment that waits longest was checked; `nil` without segments.
    package let oldest: Timestamp?
  }

  package static func scrubbing(since time: Timestamp, in tx: borrowing Transaction) throws -> Scrubbing {
    let rows = try tx.execute(countChecked, [.timestamp(microseconds: time.microseconds)])
    return Scrubbing(
      segments: Int(rows.int64(0, 0)), bytes: rows.int64(0, 1), checkedSegments: Int(rows.int64(0, 2)),
      checkedBytes: rows.int64(0, 3),
      oldest: rows.timestampOrNil(0, 4).map { Timestamp(microseconds: $0) })
  }

  /// Ids of a tenant's segments, the longest unchecked first, each with when it was checked.
  package static func byAge(tenant: TenantID, in tx: borrowing Transaction) throws -> [(
    id: String, checkedAt: Timestamp
  )] {
    let rows = try tx.execute(
      """
      SELECT segment_id, coalesce(verified_at, sealed_at) FROM segment
      WHERE tenant_id = $1 AND superseded_at IS NULL ORDER BY coalesce(verified_at, sealed_at), segment_id
      """, [.int8(tenant.rawValue)])
    return (0..<rows.count).map { (rows.text($0, 0), Timestamp(microseconds: rows.timestamp($0, 1))) }
  }

  package static func blockCount(tenant: TenantID, in tx: borrowing Transaction) throws -> Int {
    Int(try tx.execute(countBlocks, [.int8(tenant.rawValue)]).int64(0, 0))
  }

  /// Where every block of a tenant lies.
  package static func blockPlaces(tenant: TenantID, in tx: borrowing Transaction) throws -> [(
    segment: String, ordinal: Int32
  )] {
    let rows = try tx.execute(selectPlaces, [.int8(tenant.rawValue)])
    return (0..<rows.count).map { (rows.text($0, 0), Int32(rows.int64($0, 1))) }
  }

  /// Notes that a segment was found whole.
  package static func verified(_ id: String, at now: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE segment SET verified_at = $2 WHERE segment_id = $1",
      [.text(id), .timestamp(microseconds: now.microseconds)])
  }

  /// Notes that messages of these periods were deleted: their segments hold what is to be dropped.
  package static func noteDeaths(
    in periods: Set<Period>, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    guard !periods.isEmpty else { return }
    try tx.execute(
      noteDeaths,
      [
        .int8(tenant.rawValue), .int8Array(periods.map { Int64($0.rawValue) }.sorted()),
        .timestamp(microseconds: now.microseconds),
      ])
  }

  /// Segments of a tenant that compaction has to look through: new ones, and those of whose periods something was
  /// deleted since it last did.
  package static func mayHoldDead(tenant: TenantID, in tx: borrowing Transaction) throws -> Set<String> {
    let rows = try tx.execute(mayHoldDead, [.int8(tenant.rawValue)])
    return Set((0..<rows.count).map { rows.text($0, 0) })
  }

  /// Notes that a look through the segments which began at `start` found nothing to drop.
  package static func lookedThrough(_ ids: [String], at start: Timestamp, in tx: borrowing Transaction) throws
  {
    try tx.execute(
      "UPDATE segment SET looked_through_at = $2 WHERE segment_id = ANY($1)",
      [.textArray(ids), .timestamp(microseconds: start.microseconds)])
  }

  private static let countBlocks = "SELECT count(*) " + ofBlocks
  private static let selectPlaces = "SELECT b.segment_id, b.ordinal " + ofBlocks
  private static let ofBlocks = """
    FROM segment_block b JOIN segment s ON s.segment_id = b.segment_id
    WHERE s.tenant_id = $1 AND s.superseded_at IS NULL
    """

  // Once an hour: so many deletions would wait for each other on these rows otherwise.
  private static let noteDeaths = """
    UPDATE segment SET dead_at = $3 WHERE tenant_id = $1 AND period = ANY($2::bigint[]) AND superseded_at IS NULL
      AND (dead_at IS NULL OR dead_at < $3 - interval '1 hour')
    """
  // A day is more than that hour, and than any deletion takes to be committed.
  private static let mayHoldDead = """
    SELECT segment_id FROM segment WHERE tenant_id = $1 AND superseded_at IS NULL
      AND (looked_through_at IS NULL OR dead_at > looked_through_at - interval '1 day')
    """
  private static let countChecked = """
    SELECT count(*), coalesce(sum(byte_count), 0)::bigint,
      count(*) FILTER (WHERE coalesce(verified_at, sealed_at) >= $1),
      coalesce(sum(byte_count) FILTER (WHERE coalesce(verified_at, sealed_at) >= $1), 0)::bigint,
      min(coalesce(verified_at, sealed_at))
    FROM segment WHERE superseded_at IS NULL
    """
}
