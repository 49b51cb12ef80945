package import Model
package import Postgres

/// One ground on which something of an erased person is kept.
package struct PreservationRow: Sendable, Hashable {
  package let id: Int64
  package let tenant: TenantID
  package let erasure: Int64
  /// `nil`: locked floors of retention.
  package let hold: Int64?
  package let subject: SubjectID
  package let profile: [UInt8]

  package init(
    id: Int64, tenant: TenantID, erasure: Int64, hold: Int64?, subject: SubjectID, profile: [UInt8]
  ) {
    self.id = id
    self.tenant = tenant
    self.erasure = erasure
    self.hold = hold
    self.subject = subject
    self.profile = profile
  }
}

/// A message, or changes to one, sealed for one ground.
package struct PreservedCopy: Sendable, Hashable {
  package let preservation: Int64
  package let key: MessageKey
  package let route: RouteKey
  package let conversation: ConversationID
  package let position: MessagePosition
  package let until: Timestamp?
  package let sealed: [UInt8]

  package init(preservation: Int64, of locator: Locator, until: Timestamp?, sealed: [UInt8]) {
    self.init(
      preservation: preservation, key: locator.key, route: locator.route, conversation: locator.conversation,
      position: locator.position, until: until, sealed: sealed)
  }

  init(
    preservation: Int64, key: MessageKey, route: RouteKey, conversation: ConversationID,
    position: MessagePosition, until: Timestamp?, sealed: [UInt8]
  ) {
    self.preservation = preservation
    self.key = key
    self.route = route
    self.conversation = conversation
    self.position = position
    self.until = until
    self.sealed = sealed
  }
}

package enum Preservations {
  /// Adds rows for grounds the erasure has none for yet.
  package static func insert(_ rows: [PreservationRow], at now: Timestamp, in tx: borrowing Transaction)
    throws
  {
    for row in rows {
      try tx.execute(
        insert,
        [
          .int8(row.id), .int8(row.tenant.rawValue), .int8(row.erasure), .int8(row.hold ?? 0),
          .int8(row.subject.rawValue), .bytes(row.profile), .timestamp(microseconds: now.microseconds),
        ])
    }
  }

  package static func of(erasure: Int64, in tx: borrowing Transaction) throws -> [PreservationRow] {
    rows(try tx.execute(select + " WHERE erasure_id = $1 ORDER BY hold_id", [.int8(erasure)]))
  }

  package static func of(subjects: [SubjectID], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [PreservationRow]
  {
    guard !subjects.isEmpty else { return [] }
    return rows(
      try tx.execute(
        select + " WHERE subject_id = ANY($1) AND tenant_id = $2 ORDER BY preservation_id",
        [.int8Array(subjects.map(\.rawValue)), .int8(tenant.rawValue)]))
  }

  /// How many messages the erasure keeps anything of.
  package static func count(erasure: Int64, in tx: borrowing Transaction) throws -> Int {
    Int(try tx.execute(count, [.int8(erasure)]).int64(0, 0))
  }

  /// Removes a ground of which no copy is left; returns whether it was there and empty.
  package static func removeEmpty(_ id: Int64, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(removeEmpty, [.int8(id)]).affected > 0
  }

  private static func rows(_ rows: PostgresRows) -> [PreservationRow] {
    (0..<rows.count).map { row in
      PreservationRow(
        id: rows.int64(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)), erasure: rows.int64(row, 2),
        hold: rows.int64(row, 3) == 0 ? nil : rows.int64(row, 3),
        subject: SubjectID(rawValue: rows.int64(row, 4)), profile: rows.bytes(row, 5))
    }
  }

  private static let select =
    "SELECT preservation_id, tenant_id, erasure_id, hold_id, subject_id, profile FROM preservation"
  private static let insert = """
    INSERT INTO preservation (preservation_id, tenant_id, erasure_id, hold_id, subject_id, profile, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
    """
  private static let count = """
    SELECT count(DISTINCT (c.message_high, c.message_low)) FROM preserved_copy c
    JOIN preservation p ON p.preservation_id = c.preservation_id WHERE p.erasure_id = $1
    """
  private static let removeEmpty = """
    DELETE FROM preservation p WHERE p.preservation_id = $1
      AND NOT EXISTS (SELECT 1 FROM preserved_copy c WHERE c.preservation_id = p.preservation_id)
    """
}
