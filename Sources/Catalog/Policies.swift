package import Model
package import Postgres

/// One version of a tenant's set of retention policies. The document names subjects and conversations by number.
package struct PolicySetRow: Sendable, Hashable {
  package enum State: String, Sendable {
    /// Counts from its time on.
    case stands
    /// For a second person.
    case waiting
    case rejected
    /// Another version was set while it waited.
    case replaced
  }

  package let tenant: TenantID
  /// 1, 2, 3, … without gaps.
  package let version: Int32
  /// JSON.
  package let document: String
  /// Of one that waits: at the earliest.
  package let effectiveAt: Timestamp
  package let createdAt: Timestamp
  package let state: State
  /// `nil`: set before that was noted.
  package let proposerHash: [UInt8]?
  /// Who approved or rejected it.
  package let deciderHash: [UInt8]?
  package let decidedAt: Timestamp?

  package init(
    tenant: TenantID, version: Int32, document: String, effectiveAt: Timestamp, createdAt: Timestamp,
    state: State = .stands, proposerHash: [UInt8]? = nil, deciderHash: [UInt8]? = nil,
    decidedAt: Timestamp? = nil
  ) {
    self.tenant = tenant
    self.version = version
    self.document = document
    self.effectiveAt = effectiveAt
    self.createdAt = createdAt
    self.state = state
    self.proposerHash = proposerHash
    self.deciderHash = deciderHash
    self.decidedAt = decidedAt
  }
}

package enum Policies {
  /// The versions that count, oldest first, in force or announced: what decides asks for these. None is ever changed
  /// or removed, as decisions name them.
  package static func sets(tenant: TenantID, in tx: borrowing Transaction) throws -> [PolicySetRow] {
    rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND state = 'stands' ORDER BY version", [.int8(tenant.rawValue)]),
      tenant)
  }

  /// With those that wait for approval, or never got it.
  package static func all(tenant: TenantID, in tx: borrowing Transaction) throws -> [PolicySetRow] {
    rows(try tx.execute(select + " WHERE tenant_id = $1 ORDER BY version", [.int8(tenant.rawValue)]), tenant)
  }

  package static func find(_ version: Int32, tenant: TenantID, in tx: borrowing Transaction) throws
    -> PolicySetRow?
  {
    rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND version = $2", [.int8(tenant.rawValue), .int4(version)]), tenant
    ).first
  }

  /// The caller holds the tenant's governance lock exclusively and numbers the version. What waits for approval does so
  /// no more.
  package static func insert(_ set: PolicySetRow, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE retention_policy_set SET state = 'replaced' WHERE tenant_id = $1 AND state = 'waiting'",
      [.int8(set.tenant.rawValue)])
    try tx.execute(
      insert,
      [
        .int8(set.tenant.rawValue), .int4(set.version), .json(set.document),
        .timestamp(microseconds: set.effectiveAt.microseconds),
        .timestamp(microseconds: set.createdAt.microseconds), .text(set.state.rawValue),
        set.proposerHash.map { .bytes($0) } ?? .null,
      ])
  }

  /// The caller holds the tenant's governance lock exclusively and has seen that the version waits.
  package static func decide(
    _ version: Int32, tenant: TenantID, _ state: PolicySetRow.State, by decider: [UInt8],
    effectiveAt: Timestamp, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      UPDATE retention_policy_set SET state = $3, decider_hash = $4, decided_at = $5, effective_at = $6
      WHERE tenant_id = $1 AND version = $2 AND state = 'waiting'
      """,
      [
        .int8(tenant.rawValue), .int4(version), .text(state.rawValue), .bytes(decider),
        .timestamp(microseconds: now.microseconds), .timestamp(microseconds: effectiveAt.microseconds),
      ])
  }

  package struct Overdue: Sendable, Hashable {
    package let tenant: String
    package let version: Int32
    package let createdAt: Timestamp
  }

  /// Changes of any tenant that could be in force since before `now`, if somebody had approved them; at most `limit`.
  package static func overdue(at now: Timestamp, limit: Int, in tx: borrowing Transaction) throws -> [Overdue]
  {
    let rows = try tx.execute(overdue, [.timestamp(microseconds: now.microseconds), .int8(Int64(limit))])
    return (0..<rows.count).map { row in
      Overdue(
        tenant: rows.text(row, 0), version: Int32(rows.int64(row, 1)),
        createdAt: Timestamp(microseconds: rows.timestamp(row, 2)))
    }
  }

  private static func rows(_ rows: PostgresRows, _ tenant: TenantID) -> [PolicySetRow] {
    (0..<rows.count).map { row in
      PolicySetRow(
        tenant: tenant, version: Int32(rows.int64(row, 0)), document: rows.text(row, 1),
        effectiveAt: Timestamp(microseconds: rows.timestamp(row, 2)),
        createdAt: Timestamp(microseconds: rows.timestamp(row, 3)),
        // What nobody knows governs nothing.
        state: PolicySetRow.State(rawValue: rows.text(row, 4)) ?? .rejected,
        proposerHash: rows.bytesOrNil(row, 5), deciderHash: rows.bytesOrNil(row, 6),
        decidedAt: rows.timestampOrNil(row, 7).map { Timestamp(microseconds: $0) })
    }
  }

  private static let select = """
    SELECT version, document::text, effective_at, created_at, state, proposer_hash, decider_hash, decided_at
    FROM retention_policy_set
    """
  private static let insert = """
    INSERT INTO retention_policy_set
      (tenant_id, version, document, effective_at, created_at, state, proposer_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    """
  private static let overdue = """
    SELECT t.name, p.version, p.created_at FROM retention_policy_set p JOIN tenant t USING (tenant_id)
    WHERE p.state = 'waiting' AND p.effective_at < $1 ORDER BY p.created_at, p.tenant_id LIMIT $2
    """
}
