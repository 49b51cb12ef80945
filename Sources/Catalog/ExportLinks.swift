package import Model
package import Postgres

/// A link that lets its holder fetch a package. Who made it is sealed; the link itself is known by its hash.
package struct ExportLinkRow: Sendable {
  package let id: Int64
  package let export: Int64
  package let tenant: TenantID
  package let sealed: [UInt8]
  package let createdAt: Timestamp
  package let expiresAt: Timestamp
  package let usesMax: Int
  package let uses: Int
  package let revokedAt: Timestamp?

  package init(
    id: Int64, export: Int64, tenant: TenantID, sealed: [UInt8], createdAt: Timestamp, expiresAt: Timestamp,
    usesMax: Int, uses: Int = 0, revokedAt: Timestamp? = nil
  ) {
    self.id = id
    self.export = export
    self.tenant = tenant
    self.sealed = sealed
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.usesMax = usesMax
    self.uses = uses
    self.revokedAt = revokedAt
  }
}

package enum ExportLinks {
  /// Requests a use may be spread over, as downloads break and go on.
  package static let requestsPerUse = 1_000

  package static func insert(_ row: ExportLinkRow, hash: [UInt8], in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      INSERT INTO export_link (link_id, export_id, tenant_id, token_hash, sealed, created_at, expires_at, uses_max)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      """,
      [
        .int8(row.id), .int8(row.export), .int8(row.tenant.rawValue), .bytes(hash), .bytes(row.sealed),
        .timestamp(microseconds: row.createdAt.microseconds),
        .timestamp(microseconds: row.expiresAt.microseconds), .int4(Int32(row.usesMax)),
      ])
  }

  /// Links of an export, oldest first.
  package static func list(export: Int64, in tx: borrowing Transaction) throws -> [ExportLinkRow] {
    rows(
      try tx.execute(
        "SELECT \(columns) FROM export_link WHERE export_id = $1 ORDER BY created_at, link_id",
        [.int8(export)]))
  }

  /// `nil` for what no link is known by.
  package static func find(hash: [UInt8], in tx: borrowing Transaction) throws -> ExportLinkRow? {
    rows(
      try tx.execute("SELECT \(columns) FROM export_link WHERE token_hash = $1", [.bytes(hash)])
    ).first
  }

  /// What a request asks of a package.
  package struct Taking: Sendable {
    /// Whether it begins a download; one that goes on with one takes no use, but has to have begun.
    package let isStart: Bool
    /// Bytes it asks for.
    package let bytes: Int64
    /// Of the whole package.
    package let size: Int64

    package init(isStart: Bool, bytes: Int64, size: Int64) {
      (self.isStart, self.bytes, self.size) = (isStart, bytes, size)
    }
  }

  /// Takes a use of a link that is in force, and the bytes with it: in all as many as the uses amount to, and once
  /// more the package for downloads that broke off without anybody noticing yet.
  /// `nil`: there is no such link, or it is used up, over or revoked.
  package static func take(hash: [UInt8], _ taking: Taking, at now: Timestamp, in tx: borrowing Transaction)
    throws -> ExportLinkRow?
  {
    rows(
      try tx.execute(
        take + " RETURNING " + columns,
        [
          .bytes(hash), .int4(taking.isStart ? 1 : 0), .timestamp(microseconds: now.microseconds),
          .int4(Int32(requestsPerUse)), .int8(taking.bytes), .int8(taking.size),
        ])
    ).first
  }

  /// Bytes that were taken and not sent.
  package static func giveBack(_ bytes: Int64, to link: Int64, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE export_link SET bytes_given = greatest(0, bytes_given - $2) WHERE link_id = $1",
      [.int8(link), .int8(bytes)])
  }

  /// Returns whether there was one of that number to revoke.
  package static func revoke(_ link: Int64, export: Int64, at now: Timestamp, in tx: borrowing Transaction)
    throws -> Bool
  {
    try tx.execute(
      "UPDATE export_link SET revoked_at = $3 WHERE link_id = $1 AND export_id = $2 AND revoked_at IS NULL",
      [.int8(link), .int8(export), .timestamp(microseconds: now.microseconds)]
    ).affected > 0
  }

  /// Forgets links that have been over since a moment; the audit log keeps what was done with them.
  package static func forget(overBefore moment: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      "DELETE FROM export_link WHERE expires_at < $1", [.timestamp(microseconds: moment.microseconds)])
  }

  private static func rows(_ rows: PostgresRows) -> [ExportLinkRow] {
    (0..<rows.count).map { row in
      ExportLinkRow(
        id: rows.int64(row, 0), export: rows.int64(row, 1), tenant: TenantID(rawValue: rows.int64(row, 2)),
        sealed: rows.bytes(row, 3), createdAt: Timestamp(microseconds: rows.timestamp(row, 4)),
        expiresAt: Timestamp(microseconds: rows.timestamp(row, 5)), usesMax: Int(rows.int64(row, 6)),
        uses: Int(rows.int64(row, 7)),
        revokedAt: rows.timestampOrNil(row, 8).map { Timestamp(microseconds: $0) })
    }
  }

  private static let columns =
    "link_id, export_id, tenant_id, sealed, created_at, expires_at, uses_max, uses, revoked_at"
  private static let take = """
    UPDATE export_link SET uses = uses + $2, requests = requests + 1, bytes_given = bytes_given + $5
    WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $3 AND uses + $2 BETWEEN 1 AND uses_max
      AND requests < uses_max * $4 AND bytes_given + $5 <= (uses_max + 1) * $6::bigint
    """
}
