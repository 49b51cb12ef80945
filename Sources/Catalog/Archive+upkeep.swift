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

  /// Notes that a segment was found whole.
  package static func verified(_ id: String, at now: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE segment SET verified_at = $2 WHERE segment_id = $1",
      [.text(id), .timestamp(microseconds: now.microseconds)])
  }

  private static let countChecked = """
    SELECT count(*), coalesce(sum(byte_count), 0)::bigint,
      count(*) FILTER (WHERE coalesce(verified_at, sealed_at) >= $1),
      coalesce(sum(byte_count) FILTER (WHERE coalesce(verified_at, sealed_at) >= $1), 0)::bigint,
      min(coalesce(verified_at, sealed_at))
    FROM segment WHERE superseded_at IS NULL
    """
}
