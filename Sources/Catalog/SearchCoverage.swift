package import Model
package import Postgres

package enum SearchCoverage {
  /// Ranges of days kept of a conversation's tokens of one kind. Beyond, days are rounded to blocks.
  static let rangesMax: Int64 = 64
  /// Blocks of days, tried in turn: 64 ranges of the last ones are more than there is time.
  private static let blocks: [Int32] = [32, 1_024]
  /// Generations kept apart of one conversation. Beyond, the older half is kept together.
  static let generationsMax: Int64 = 512

  /// Adds what messages brought. Days that are known cost a look and no write.
  package static func note(_ coverage: TokenCoverage, tenant: TenantID, in tx: borrowing Transaction) throws {
    guard !coverage.isEmpty else { return }
    let entries = Array(coverage.entries)
    let rows = try tx.execute(
      note,
      [
        .int8(tenant.rawValue), .int8Array(entries.map(\.key.route.rawValue)),
        .int8Array(entries.map(\.key.conversation.rawValue)),
        .int2Array(entries.map(\.key.kind.mode.rawValue)), .int8Array(entries.map(\.key.kind.generation)),
        .int8Array(entries.map(\.key.day)),
        .timestampArray(entries.map(\.value.lowerBound.microseconds)),
        .timestampArray(entries.map(\.value.upperBound.microseconds)),
      ])
    let written = (0..<rows.count).map { Written(rows, $0) }
    for one in written where one.ranges > rangesMax { try coarsen(one, one.generation, in: tx) }
    for several in Dictionary(grouping: written.filter { $0.mode == 2 }, by: \.conversation).values {
      // What was there before the statement, and what it wrote: at least as many as there are now.
      let one = several[0]
      guard one.generations + Int64(several.count) > generationsMax else { continue }
      try tx.execute(
        fold, [.int8(one.route), .int8(one.conversation), .int8(generationsMax / 2), .int8(generationsMax)])
      try coarsen(one, TokenKind.unknownGeneration, in: tx)
    }
  }

  private struct Written {
    let route: Int64
    let conversation: Int64
    let mode: Int64
    let generation: Int64
    let ranges: Int64
    let generations: Int64

    init(_ rows: PostgresRows, _ row: Int) {
      (route, conversation) = (rows.int64(row, 0), rows.int64(row, 1))
      (mode, generation) = (rows.int64(row, 2), rows.int64(row, 3))
      (ranges, generations) = (rows.int64(row, 4), rows.int64(row, 5))
    }
  }

  /// Names a few days too many rather than growing without a bound.
  private static func coarsen(_ one: Written, _ generation: Int64, in tx: borrowing Transaction) throws {
    for block in blocks {
      try tx.execute(
        coarsen,
        [
          .int8(one.route), .int8(one.conversation), .int2(Int16(one.mode)), .int8(generation), .int4(block),
          .int8(rangesMax),
        ])
    }
  }

  // The newest state of a row that is known already is not written again: most batches write nothing here.
  private static let note = """
    INSERT INTO token_coverage AS c
      (route_key, conversation_id, mode, generation, tenant_id, days, first_at, last_at)
    SELECT route, id, mode, generation, $1, days, first_at, last_at FROM (
      SELECT route, id, mode, generation, range_agg(int4range(day::int, day::int + 1)) AS days,
        CASE mode WHEN 0 THEN min(lo) END AS first_at, CASE mode WHEN 0 THEN max(hi) END AS last_at
      FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::timestamptz[],
        $8::timestamptz[]) AS u(route, id, mode, generation, day, lo, hi)
      GROUP BY route, id, mode, generation) n
    WHERE NOT EXISTS (SELECT 1 FROM token_coverage k WHERE k.route_key = n.route AND k.conversation_id = n.id
      AND k.mode = n.mode AND k.generation = n.generation AND k.days @> n.days
      AND (n.mode <> 0 OR k.first_at <= n.first_at AND k.last_at >= n.last_at))
    ORDER BY route, id, mode, generation
    ON CONFLICT (route_key, conversation_id, mode, generation) DO UPDATE SET days = c.days + excluded.days,
      first_at = least(c.first_at, excluded.first_at), last_at = greatest(c.last_at, excluded.last_at)
    RETURNING c.route_key, c.conversation_id, c.mode, c.generation, (SELECT count(*) FROM unnest(c.days)),
      CASE c.mode WHEN 2 THEN (SELECT count(*) FROM token_coverage g WHERE g.route_key = c.route_key
        AND g.conversation_id = c.conversation_id AND g.mode = 2) ELSE 0 END
    """
  private static let coarsen = """
    UPDATE token_coverage c SET days = (SELECT range_agg(
      int4range(lower(r) / $5 * $5, (upper(r) - 1) / $5 * $5 + $5)) FROM unnest(c.days) r)
    WHERE route_key = $1 AND conversation_id = $2 AND mode = $3 AND generation = $4
      AND (SELECT count(*) FROM unnest(c.days)) > $6
    """
  private static let fold = """
    WITH folded AS (DELETE FROM token_coverage WHERE route_key = $1 AND conversation_id = $2 AND mode = 2
      AND generation >= 0 AND generation <= (SELECT generation FROM token_coverage WHERE route_key = $1
        AND conversation_id = $2 AND mode = 2 ORDER BY generation DESC OFFSET $3 LIMIT 1)
      AND (SELECT count(*) FROM token_coverage WHERE route_key = $1 AND conversation_id = $2 AND mode = 2) > $4
      RETURNING tenant_id, days)
    INSERT INTO token_coverage AS c (route_key, conversation_id, mode, generation, tenant_id, days)
    SELECT $1, $2, 2, -1, min(tenant_id), range_agg(r) FROM folded, unnest(folded.days) r
    HAVING count(*) > 0
    ON CONFLICT (route_key, conversation_id, mode, generation) DO UPDATE SET days = c.days + excluded.days
    """
}
