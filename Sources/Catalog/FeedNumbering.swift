import Model
import Postgres

/// Hands out the next sequences of some groups while their heads are locked.
struct FeedNumbering {
  private var upcoming: [Int16: Int64] = [:]

  init(groups: Set<Int16>, in tx: borrowing Transaction) throws {
    let rows = try tx.execute(
      "SELECT group_id, next_sequence FROM feed_head WHERE group_id = ANY($1)", [.int2Array(groups.sorted())])
    for row in 0..<rows.count { upcoming[Int16(rows.int64(row, 0))] = rows.int64(row, 1) }
  }

  /// - Throws: `CatalogError` for a group this home does not have.
  mutating func next(_ group: Int16) throws -> Int64 {
    guard let sequence = upcoming[group] else {
      throw CatalogError(.schemaMismatch, "the home has no index group \(group)")
    }
    upcoming[group] = sequence + 1
    return sequence
  }

  /// Records how far the numbers have been used.
  func save(in tx: borrowing Transaction) throws {
    let groups = upcoming.keys.sorted()
    try tx.execute(
      """
      UPDATE feed_head h SET next_sequence = n.next FROM unnest($1::smallint[], $2::bigint[]) AS n(group_id, next)
      WHERE h.group_id = n.group_id AND h.next_sequence <> n.next
      """, [.int2Array(groups), .int8Array(groups.map { upcoming[$0] ?? 1 })])
  }
}
