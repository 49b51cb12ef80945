package import Model
package import Postgres

/// A state change that a controller is to be told at one of its addresses.
package struct CallbackRow: Sendable, Hashable {
  package let tenant: TenantID
  package let request: String
  /// Place of the address in the request, from 0.
  package let url: Int
  package let number: Int
  package let state: SubjectRequestRow.State
  package let outcome: SubjectRequestRow.Outcome?
  /// This one included.
  package let attempts: Int
}

package enum SubjectRequestCallbacks {
  /// Notes the row's present state for each of its addresses, in the transaction that changed it.
  package static func add(
    _ row: SubjectRequestRow, urls: Int, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    for url in 0..<urls {
      try tx.execute(
        add,
        [
          .int8(row.tenant.rawValue), .text(row.id), .int2(Int16(url)), .text(row.state.rawValue),
          row.outcome.map { .text($0.rawValue) } ?? .null, .timestamp(microseconds: now.microseconds),
        ])
    }
  }

  /// Takes calls that are due, each the oldest of its address, and puts them off: whoever dies with them leaves them
  /// to the next.
  package static func take(
    limit: Int, at now: Timestamp, again next: Timestamp, in tx: borrowing Transaction
  ) throws -> [CallbackRow] {
    let rows = try tx.execute(
      take,
      [
        .timestamp(microseconds: now.microseconds), .int8(Int64(limit)),
        .timestamp(microseconds: next.microseconds),
      ])
    return (0..<rows.count).map { row in
      CallbackRow(
        tenant: TenantID(rawValue: rows.int64(row, 0)), request: rows.text(row, 1),
        url: Int(rows.int64(row, 2)), number: Int(rows.int64(row, 3)),
        state: SubjectRequestRow.State(rawValue: rows.text(row, 4)) ?? .inProgress,
        outcome: rows.textOrNil(row, 5).flatMap(SubjectRequestRow.Outcome.init),
        attempts: Int(rows.int64(row, 6)))
    }
  }

  package static func postpone(_ row: CallbackRow, to next: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE subject_request_callback SET next_at = $5" + place,
      values(row) + [.timestamp(microseconds: next.microseconds)])
  }

  package static func end(_ row: CallbackRow, delivered: Bool, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE subject_request_callback SET ended = $5" + place,
      values(row) + [.text(delivered ? "delivered" : "given_up")])
  }

  /// Calls that were given up since.
  package static func givenUp(since: Timestamp, in tx: borrowing Transaction) throws -> Int {
    Int(
      try tx.execute(
        "SELECT count(*) FROM subject_request_callback WHERE ended = 'given_up' AND next_at >= $1",
        [.timestamp(microseconds: since.microseconds)]
      ).int64(0, 0))
  }

  private static func values(_ row: CallbackRow) -> [PostgresValue] {
    [
      .int8(row.tenant.rawValue), .text(row.request), .int2(Int16(row.url)), .int4(Int32(row.number)),
    ]
  }

  private static let place = " WHERE tenant_id = $1 AND request_id = $2 AND url = $3 AND number = $4"
  private static let add = """
    INSERT INTO subject_request_callback (tenant_id, request_id, url, number, state, outcome, next_at)
    SELECT $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6 FROM subject_request_callback
    WHERE tenant_id = $1 AND request_id = $2 AND url = $3
    """
  private static let take = """
    UPDATE subject_request_callback c SET attempts = attempts + 1, next_at = $3
    FROM (SELECT tenant_id, request_id, url, number FROM subject_request_callback o
      WHERE ended IS NULL AND next_at <= $1 AND NOT EXISTS (SELECT 1 FROM subject_request_callback e
        WHERE e.tenant_id = o.tenant_id AND e.request_id = o.request_id AND e.url = o.url AND e.number < o.number
          AND e.ended IS NULL)
      ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) d
    WHERE c.tenant_id = d.tenant_id AND c.request_id = d.request_id AND c.url = d.url AND c.number = d.number
    RETURNING c.tenant_id, c.request_id, c.url, c.number, c.state, c.outcome, c.attempts
    """
}
