package import Postgres

/// Where the archive's catalogue stands: a number that rises with every change of which segments there are, within a
/// lineage. A copy of an older catalogue has a lower number; what is changed from there on is of a lineage of its own.
package struct ArchiveHead: Sendable, Hashable {
  package let lineage: Int64
  package let number: Int64

  package init(lineage: Int64, number: Int64) {
    self.lineage = lineage
    self.number = number
  }

  /// Whether it knows all that was known; nothing was: whether or not.
  package func isAtLeast(_ known: ArchiveHead?) -> Bool {
    known.map { lineage == $0.lineage && number >= $0.number } ?? true
  }

  package static func read(in tx: borrowing Transaction) throws -> ArchiveHead {
    head(try tx.execute("SELECT lineage, number FROM archive_head WHERE head_id = 1"))
  }

  /// At the end of a transaction: others wait for the row.
  package static func locked(in tx: borrowing Transaction) throws -> ArchiveHead {
    head(try tx.execute("SELECT lineage, number FROM archive_head WHERE head_id = 1 FOR UPDATE"))
  }

  /// In the transaction that makes the change.
  ///
  /// - Parameter forking: what changes is known not to be the newest catalogue.
  package static func advance(forking: Bool, in tx: borrowing Transaction) throws -> ArchiveHead {
    head(
      try tx.execute(
        """
        UPDATE archive_head SET number = number + 1, lineage = CASE WHEN $1 THEN $2 ELSE lineage END WHERE head_id = 1
        RETURNING lineage, number
        """, [.bool(forking), .int8(Int64.random(in: 1 ... .max))]))
  }

  private static func head(_ rows: PostgresRows) -> ArchiveHead {
    ArchiveHead(lineage: rows.int64(0, 0), number: rows.int64(0, 1))
  }
}
