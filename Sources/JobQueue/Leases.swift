import Model
package import Postgres

/// The right to be the one runner of something, for a while. `fencing` rises with every change of holder, so that
/// a runner that slept through its lease is told apart from its successor.
package struct Lease: Sendable {
  package let name: String
  package let holder: String
  package let fencing: Int64
}

/// Another has the lease, or may have it. `description` is safe to show.
package struct LeaseLost: Error, CustomStringConvertible {
  package let name: String
  package var description: String {
    "the lease of \(name) was lost on the way; what was not done yet is left to the next run"
  }

  package init(name: String) { self.name = name }
}

package enum Leases {
  /// Takes the lease if it is free or run out, by the database's clock; `nil` if another holds it.
  package static func acquire(
    _ name: String, holder: String, seconds: Int64, in tx: borrowing Transaction
  ) throws -> Lease? {
    let rows = try tx.execute(acquire, [.text(name), .text(holder), .int8(seconds)])
    return rows.count == 0 ? nil : Lease(name: name, holder: holder, fencing: rows.int64(0, 0))
  }

  /// Extends the lease; `false` if it was lost.
  package static func renew(_ lease: Lease, seconds: Int64, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(renew, [.text(lease.name), .text(lease.holder), .int8(lease.fencing), .int8(seconds)])
      .affected > 0
  }

  /// Whether the lease has neither run out nor gone to another.
  package static func isHeld(_ lease: Lease, in tx: borrowing Transaction) throws -> Bool {
    try tx.execute(
      "SELECT 1 FROM lease WHERE name = $1 AND holder = $2 AND fencing = $3 AND expires_at > now()",
      [.text(lease.name), .text(lease.holder), .int8(lease.fencing)]
    ).count > 0
  }

  /// At the end of a transaction: that nobody has taken the lease since it was ours, and that nobody will before the
  /// commit. One that ran out and was not taken still is good for that.
  ///
  /// - Throws: ``LeaseLost``.
  package static func prove(_ lease: Lease, in tx: borrowing Transaction) throws {
    let rows = try tx.execute(prove, [.text(lease.name), .text(lease.holder), .int8(lease.fencing)])
    if rows.count == 0 { throw LeaseLost(name: lease.name) }
  }

  /// Who holds the lease now; `nil`: it is free.
  package static func current(_ name: String, in tx: borrowing Transaction) throws -> Lease? {
    let rows = try tx.execute(
      "SELECT holder, fencing FROM lease WHERE name = $1 AND expires_at > now()", [.text(name)])
    return rows.count == 0 ? nil : Lease(name: name, holder: rows.text(0, 0), fencing: rows.int64(0, 1))
  }

  package static func release(_ lease: Lease, in tx: borrowing Transaction) throws {
    try tx.execute(release, [.text(lease.name), .text(lease.holder), .int8(lease.fencing)])
  }

  private static let acquire = """
    INSERT INTO lease AS l (name, holder, fencing, expires_at)
    VALUES ($1, $2, 1, now() + make_interval(secs => $3::bigint))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fencing = l.fencing + 1, expires_at = excluded.expires_at
    WHERE l.expires_at <= now() OR l.holder = excluded.holder
    RETURNING fencing
    """
  private static let prove =
    "SELECT 1 FROM lease WHERE name = $1 AND holder = $2 AND fencing = $3 FOR UPDATE"
  private static let renew = """
    UPDATE lease SET expires_at = now() + make_interval(secs => $4::bigint)
    WHERE name = $1 AND holder = $2 AND fencing = $3
    """
  private static let release =
    "UPDATE lease SET expires_at = now() WHERE name = $1 AND holder = $2 AND fencing = $3"
}
