package import Model
package import Postgres

extension Erasures {
  /// Ends a request of which nothing was carried out; returns whether it could be. Whom it was about is forgotten.
  package static func end(_ id: Int64, as state: ErasureRow.State, in tx: borrowing Transaction) throws
    -> Bool
  {
    try tx.execute(
      """
      UPDATE erasure SET state = $2, sealed = NULL, subject_id = NULL
      WHERE erasure_id = $1 AND state IN ('requested', 'planned', 'approved')
      """, [.int8(id), .text(state.rawValue)]
    ).affected > 0
  }

  /// Gives the request more time, once and before the first term is over; returns whether it could be.
  package static func extend(
    _ id: Int64, to due: Timestamp, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      """
      UPDATE erasure SET due_at = $2, extended_at = $3 WHERE erasure_id = $1 AND extended_at IS NULL
        AND due_at >= $3 AND state IN ('requested', 'planned', 'approved', 'running', 'partial')
      """,
      [
        .int8(id), .timestamp(microseconds: due.microseconds), .timestamp(microseconds: now.microseconds),
      ]
    ).affected > 0
  }
}
