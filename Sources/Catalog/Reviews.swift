package import Model
package import Postgres

/// Messages that are reviewed together.
package struct ReviewGroup: Hashable, Sendable {
  package let conversation: ConversationID
  package let period: Period
  package let policy: String

  package init(conversation: ConversationID, period: Period, policy: String) {
    (self.conversation, self.period, self.policy) = (conversation, period, policy)
  }
}

package struct ReviewRow: Sendable, Hashable {
  package enum State: String, Sendable {
    case waiting
    /// Decided by one, waiting for a second person.
    case proposed
    case decided
    /// Carried out, or nothing of it is left.
    case done
  }
  package enum Decision: Sendable, Hashable {
    case delete
    case extend(until: Timestamp)
    /// The ceiling of another policy counts from now on.
    case move(to: String)
    /// The messages get this label, and the policies that are for it count.
    case relabel(String)

    package var name: String {
      switch self {
      case .delete: "delete"
      case .extend: "extend"
      case .move: "move"
      case .relabel: "relabel"
      }
    }

    /// A label is stored as a move to what no policy can be called.
    fileprivate static let labelTarget = "label:"

    fileprivate var stored: (decision: String, target: String?) {
      switch self {
      case .delete, .extend: (name, nil)
      case .move(let policy): (name, policy)
      case .relabel(let label): ("move", Self.labelTarget + label)
      }
    }

    fileprivate init(target: String) {
      self =
        target.hasPrefix(Self.labelTarget)
        ? .relabel(String(target.dropFirst(Self.labelTarget.count))) : .move(to: target)
    }
  }

  package let id: Int64
  package let tenant: TenantID
  package let route: RouteKey
  package let group: ReviewGroup
  package let policyVersion: Int32
  package let messages: Int
  package let oldest: Timestamp
  package let newest: Timestamp
  package let waitingSince: Timestamp
  package let state: State
  package let decision: Decision?
  package let decidedAt: Timestamp?
  package let deciderHash: [UInt8]?
  /// Sealed under the conversation's key.
  package let justification: [UInt8]?
  package let deleted: Int
}

/// What a run found to be reviewed in a group.
package struct ReviewCount: Sendable {
  package var route: RouteKey
  package var policyVersion: Int32
  package var messages = 0
  package var oldest = Timestamp.latest
  package var newest = Timestamp.earliest

  package init(route: RouteKey, policyVersion: Int32) {
    (self.route, self.policyVersion) = (route, policyVersion)
  }

  package mutating func add(_ time: Timestamp) {
    messages += 1
    oldest = min(oldest, time)
    newest = max(newest, time)
  }
}

package enum Reviews {
  /// Puts what waits into the queue, and takes out of it what nothing is left of. A group that was done with, or whose
  /// extension is over, waits anew. What was decided or approved since the run began, at `now`, stands.
  package static func record(
    _ counts: [(id: Int64, group: ReviewGroup, count: ReviewCount)], tenant: TenantID, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    for entry in counts {
      try tx.execute(
        record,
        [
          .int8(entry.id), .int8(tenant.rawValue), .int8(entry.count.route.rawValue),
          .int8(entry.group.conversation.rawValue), .int4(entry.group.period.rawValue),
          .text(entry.group.policy), .int4(entry.count.policyVersion), .int8(Int64(entry.count.messages)),
          .timestamp(microseconds: entry.count.oldest.microseconds),
          .timestamp(microseconds: entry.count.newest.microseconds),
          .timestamp(microseconds: now.microseconds),
        ])
    }
    try tx.execute(
      """
      UPDATE disposition_review SET messages = 0, state = 'done', counted_at = $2
      WHERE tenant_id = $1 AND counted_at < $2 AND (state IN ('waiting', 'proposed')
        OR (state = 'decided' AND (decision = 'delete' OR starts_with(target, 'label:'))
          AND greatest(decided_at, approved_at) < $2))
      """, [.int8(tenant.rawValue), .timestamp(microseconds: now.microseconds)])
  }

  /// Decisions in force at `now`, by group.
  package static func decided(tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction) throws
    -> [ReviewGroup: ReviewRow]
  {
    let found = rows(
      try tx.execute(
        select + " WHERE tenant_id = $1 AND state = 'decided' AND (until IS NULL OR until > $2)",
        [.int8(tenant.rawValue), .timestamp(microseconds: now.microseconds)]))
    return Dictionary(found.map { ($0.group, $0) }) { first, _ in first }
  }

  /// - Parameter open: only those somebody has to decide about or approve.
  package static func list(
    tenant: TenantID?, open: Bool, after cursor: Int64, limit: Int, in tx: borrowing Transaction
  ) throws -> [ReviewRow] {
    rows(
      try tx.execute(
        select + """
           WHERE ($1::bigint IS NULL OR tenant_id = $1) AND (NOT $2 OR state IN ('waiting', 'proposed'))
            AND review_id > $3 ORDER BY review_id LIMIT $4
          """,
        [
          tenant.map { .int8($0.rawValue) } ?? .null, .bool(open), .int8(cursor), .int8(Int64(limit)),
        ]))
  }

  package static func find(_ id: Int64, locking: Bool = false, in tx: borrowing Transaction) throws
    -> ReviewRow?
  {
    rows(try tx.execute(select + " WHERE review_id = $1" + (locking ? " FOR UPDATE" : ""), [.int8(id)])).first
  }

  package static func decide(
    _ id: Int64, _ decision: ReviewRow.Decision, state: ReviewRow.State, by decider: [UInt8],
    justification: [UInt8], at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    var until = PostgresValue.null
    if case .extend(let time) = decision { until = .timestamp(microseconds: time.microseconds) }
    let stored = decision.stored
    try tx.execute(
      """
      UPDATE disposition_review SET state = $2, decision = $3, until = $4, target = $5, decided_at = $6,
        decider_hash = $7, approver_hash = NULL, approved_at = NULL, justification = $8, deleted = 0
      WHERE review_id = $1
      """,
      [
        .int8(id), .text(state.rawValue), .text(stored.decision), until,
        stored.target.map { .text($0) } ?? .null,
        .timestamp(microseconds: now.microseconds), .bytes(decider), .bytes(justification),
      ])
  }

  package static func approve(
    _ id: Int64, by approver: [UInt8], at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      """
      UPDATE disposition_review SET state = 'decided', approver_hash = $2, approved_at = $3 WHERE review_id = $1
      """,
      [.int8(id), .bytes(approver), .timestamp(microseconds: now.microseconds)])
  }

  package static func addDeleted(_ id: Int64, _ count: Int, in tx: borrowing Transaction) throws {
    try tx.execute(
      "UPDATE disposition_review SET deleted = deleted + $2 WHERE review_id = $1",
      [.int8(id), .int8(Int64(count))])
  }

  /// How many groups have waited since before `time`, and since when the oldest.
  package static func overdue(before time: Timestamp, in tx: borrowing Transaction) throws -> (
    groups: Int, since: Timestamp?
  ) {
    let rows = try tx.execute(
      """
      SELECT count(*), min(waiting_since) FROM disposition_review
      WHERE state IN ('waiting', 'proposed') AND waiting_since < $1
      """, [.timestamp(microseconds: time.microseconds)])
    return (Int(rows.int64(0, 0)), rows.timestampOrNil(0, 1).map { Timestamp(microseconds: $0) })
  }

  private static func rows(_ rows: PostgresRows) -> [ReviewRow] {
    (0..<rows.count).map { row in
      var decision: ReviewRow.Decision?
      switch rows.textOrNil(row, 12) {
      case "delete": decision = .delete
      case "extend":
        decision = rows.timestampOrNil(row, 13).map { .extend(until: Timestamp(microseconds: $0)) }
      case "move": decision = rows.textOrNil(row, 14).map { ReviewRow.Decision(target: $0) }
      default: break
      }
      return ReviewRow(
        id: rows.int64(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)),
        route: RouteKey(rawValue: rows.int64(row, 2)),
        group: ReviewGroup(
          conversation: ConversationID(rawValue: rows.int64(row, 3)),
          period: Period(rawValue: Int32(rows.int64(row, 4))), policy: rows.text(row, 5)),
        policyVersion: Int32(rows.int64(row, 6)), messages: Int(rows.int64(row, 7)),
        oldest: Timestamp(microseconds: rows.timestamp(row, 8)),
        newest: Timestamp(microseconds: rows.timestamp(row, 9)),
        waitingSince: Timestamp(microseconds: rows.timestamp(row, 10)),
        state: ReviewRow.State(rawValue: rows.text(row, 11)) ?? .waiting, decision: decision,
        decidedAt: rows.timestampOrNil(row, 15).map { Timestamp(microseconds: $0) },
        deciderHash: rows.bytesOrNil(row, 16), justification: rows.bytesOrNil(row, 17),
        deleted: Int(rows.int64(row, 18)))
    }
  }

  private static let select = """
    SELECT review_id, tenant_id, conversation_route, conversation_id, period, policy, policy_version, messages,
      oldest_at, newest_at, waiting_since, state, decision, until, target, decided_at, decider_hash, justification,
      deleted FROM disposition_review
    """
  private static let record = """
    INSERT INTO disposition_review AS r (review_id, tenant_id, conversation_route, conversation_id, period, policy,
      policy_version, messages, oldest_at, newest_at, waiting_since, counted_at, state)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, 'waiting')
    ON CONFLICT (tenant_id, conversation_id, period, policy) DO UPDATE SET policy_version = excluded.policy_version,
      messages = excluded.messages, oldest_at = excluded.oldest_at, newest_at = excluded.newest_at,
      counted_at = excluded.counted_at,
      waiting_since = CASE WHEN r.state IN ('waiting', 'proposed') THEN r.waiting_since ELSE excluded.waiting_since END,
      state = CASE WHEN r.state = 'proposed' THEN 'proposed' ELSE 'waiting' END,
      decision = CASE WHEN r.state = 'proposed' THEN r.decision END,
      until = CASE WHEN r.state = 'proposed' THEN r.until END,
      target = CASE WHEN r.state = 'proposed' THEN r.target END
    WHERE r.state <> 'decided' OR greatest(r.decided_at, r.approved_at) < $11
    """
}
