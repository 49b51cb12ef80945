package import Model
package import Postgres

/// How the last look at a group of the search index ended.
package struct IndexCheckRow: Sendable, Hashable {
  package let group: Int
  package let checkedAt: Timestamp
  /// Documents that were not as the catalogue has them, and how many of these were put right.
  package let differences: Int
  package let healed: Int
  /// What is wrong with the files; `nil`: nothing.
  package let damage: String?

  /// How somebody came by the damage; `nil`: there is none, or it was found in the files.
  package var sighting: IndexSighting? {
    IndexSighting.allCases.first { $0.words(group: group) == damage }
  }
}

/// How somebody comes by damage of a group without looking for it.
package enum IndexSighting: String, Sendable, CaseIterable {
  case unreadable = "cannot be read"
  case unwritable = "cannot be written to"

  package func words(group: Int) -> String { "search index group \(group): \(rawValue)" }
}

package enum IndexChecks {
  /// - Parameter differences: found and healed by a comparison with the catalogue; `nil`: there was none this time.
  package static func record(
    group: Int, damage: String?, differences: (found: Int, healed: Int)? = nil, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      record,
      [
        .int2(Int16(group)), .timestamp(microseconds: now.microseconds), damage.map { .text($0) } ?? .null,
        differences.map { .int8(Int64($0.found)) } ?? .null,
        differences.map { .int8(Int64($0.healed)) } ?? .null,
      ])
  }

  /// Notes damage that somebody came by, unless the group is known to be damaged. That it cannot be written to is also
  /// news where only readers had something to say: they may say it over and over.
  /// - Returns: whether it was news.
  package static func note(
    _ sighting: IndexSighting, group: Int, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    let weaker = sighting == .unwritable ? IndexSighting.unreadable.words(group: group) : nil
    return try tx.execute(
      note,
      [
        .int2(Int16(group)), .timestamp(microseconds: now.microseconds),
        .text(sighting.words(group: group)), weaker.map { .text($0) } ?? .null,
      ]
    ).affected > 0
  }

  package static func all(in tx: borrowing Transaction) throws -> [IndexCheckRow] {
    let rows = try tx.execute(
      "SELECT group_id, checked_at, differences, healed, damage FROM index_check ORDER BY group_id")
    return (0..<rows.count).map { row in
      IndexCheckRow(
        group: Int(rows.int64(row, 0)), checkedAt: Timestamp(microseconds: rows.timestamp(row, 1)),
        differences: Int(rows.int64(row, 2)), healed: Int(rows.int64(row, 3)),
        damage: rows.textOrNil(row, 4))
    }
  }

  private static let note = """
    INSERT INTO index_check AS c (group_id, checked_at, damage) VALUES ($1, $2, $3)
    ON CONFLICT (group_id) DO UPDATE SET checked_at = excluded.checked_at, damage = excluded.damage
    WHERE c.damage IS NULL OR c.damage = $4::text
    """
  private static let record = """
    INSERT INTO index_check AS c (group_id, checked_at, damage, differences, healed)
    VALUES ($1, $2, $3, coalesce($4::bigint, 0), coalesce($5::bigint, 0))
    ON CONFLICT (group_id) DO UPDATE SET checked_at = excluded.checked_at, damage = excluded.damage,
      differences = coalesce($4::bigint, c.differences), healed = coalesce($5::bigint, c.healed)
    """
}
