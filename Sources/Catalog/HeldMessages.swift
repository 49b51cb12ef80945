package import Model
package import Postgres

/// What a hold keeps, message by message.
package enum HeldMessages {
  /// The next messages the hold keeps and that are there still, in the order of their keys.
  package static func page(
    _ hold: Int64, after cursor: MessageKey?, limit: Int, in tx: borrowing Transaction
  ) throws -> [Locator] {
    let rows = try tx.execute(
      page,
      [
        .int8(hold), .int8(cursor?.high ?? Int64.min), .int8(cursor?.low ?? Int64.min), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { Locators.locator(rows, $0, from: 0) }
  }

  private static let page = """
    SELECT \(Locators.prefixed("l")) FROM hold h, message_locator l
    WHERE h.hold_id = $1 AND l.state IN (1, 5) AND (l.route_key, l.message_low) > ($2, $3) AND \(Holds.keeps)
    ORDER BY l.route_key, l.message_low LIMIT $4
    """
}
