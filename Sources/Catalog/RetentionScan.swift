package import Governance
package import Model
package import Postgres

/// A message with the facts that retention policies ask for.
package struct RetainedMessage: Sendable, Hashable {
  package let locator: Locator
  /// The conversation's.
  package let kind: Int16
  package let retentionDays: Int32?
  package let closedAt: Timestamp?
  /// Of the last edit; `nil` also where the scan was not asked for edits.
  package let editedAt: Timestamp?
  /// Its own, or its conversation's.
  package let label: String?
  /// When the labels of both have settled; `nil`: neither ever had one.
  package let labelsSettleAt: Timestamp?
  /// Of its conversation and its author, by name.
  package let events: [String: Item.Occurrence]
}

extension RetainedMessage {
  /// The facts for the rules. Membership is asked of nobody here: the holds that rules are given along with this
  /// were matched by the guard's own condition before.
  package func item(_ tenant: TenantID) -> Item {
    Item(
      tenant: tenant, conversation: locator.conversation,
      kind: kind == 1 ? .direct : kind == 2 ? .group : .channel, sender: locator.sender,
      createdAt: locator.position.createdAt, editedAt: editedAt, conversationRetentionDays: retentionDays,
      labels: label.map { [$0] } ?? [], labelsSettleAt: labelsSettleAt, closedAt: closedAt, events: events,
      wasMember: { _ in true })
  }

  /// Whether labels and events are all as they are for long enough to delete by.
  package func isSettled(at now: Timestamp) -> Bool {
    ([labelsSettleAt].compactMap { $0 } + events.values.map(\.settlesAt)).allSatisfy { $0 <= now }
  }

  /// What policies alone say.
  package func disposition(_ policies: [Policy], at now: Timestamp) -> Disposition {
    decide(item(locator.tenant), policies: policies, holds: [], now: now)
  }

  package func isDue(_ policies: [Policy], at now: Timestamp) -> Bool {
    disposition(policies, at: now).verdict == .due
  }
}

/// Which messages some rule could ever delete; the others are not even read.
package struct RetentionReach: Sendable, Hashable {
  /// A rule for the whole tenant.
  package var everything = false
  package var kinds: Set<Int16> = []
  package var conversations: Set<ConversationID> = []
  package var senders: Set<SubjectID> = []
  /// Messages created later are due by no policy, except where their conversation has days of its own.
  package var createdUpTo: Timestamp?
  /// Whether a rule counts from the last edit.
  package var countsEdits = false

  package init() {}

  package var isEmpty: Bool { !everything && kinds.isEmpty && conversations.isEmpty && senders.isEmpty }
}

/// Where a scan has come to.
package struct ScanPosition: Sendable, Hashable {
  let createdAt: Timestamp
  let key: MessageKey

  package init(_ locator: Locator) {
    createdAt = locator.position.createdAt
    key = locator.key
  }
}

/// Walks over messages that are there, oldest first, hot and cold alike, as locators know both. A walk ends where
/// messages are too young for every rule: it costs what is old, however much there is besides.
package enum RetentionScan {
  /// A page of a walk: what of it is within reach, and where the next one starts; without that, it was the last.
  package struct Page: Sendable {
    package let messages: [RetainedMessage]
    package let next: ScanPosition?
  }

  /// The next `limit` messages that are old enough. Conversations with retention days of their own are within reach,
  /// whatever they are reached by otherwise, up to `ownUpTo`, the newest that one of them could let go; `nil`: there
  /// are none.
  package static func page(
    _ reach: RetentionReach, ownUpTo: Timestamp?, tenant: TenantID, after position: ScanPosition?, limit: Int,
    in tx: borrowing Transaction
  ) throws -> Page {
    let policies = reach.isEmpty ? Timestamp.earliest : reach.createdUpTo ?? .latest
    let own = ownUpTo ?? .earliest
    let rows = try tx.execute(
      page,
      [
        .int8(tenant.rawValue), .timestamp(microseconds: (position?.createdAt ?? .earliest).microseconds),
        .int8(position?.key.high ?? Int64.min), .int8(position?.key.low ?? Int64.min),
        .bool(reach.countsEdits), .bool(reach.everything),
        .int2Array(reach.kinds.sorted()), .int8Array(reach.conversations.map(\.rawValue).sorted()),
        .int8Array(reach.senders.map(\.rawValue).sorted()),
        .timestamp(microseconds: policies.microseconds), .timestamp(microseconds: own.microseconds),
        .timestamp(microseconds: max(policies, own).microseconds), .int8(Int64(limit)),
      ])
    let all = (0..<rows.count).map { Locators.locator(rows, $0, from: 0) }
    let within = all.indices.filter { rows.bool($0, 13) }
    return Page(
      messages: try messages(rows, within, tenant: tenant, in: tx),
      next: all.count == limit ? all.last.map(ScanPosition.init) : nil)
  }

  /// The same facts of given messages, whatever their state, with their edits.
  package static func find(_ keys: [MessageKey], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [RetainedMessage]
  {
    guard !keys.isEmpty else { return [] }
    let rows = try tx.execute(
      find,
      [.int8(tenant.rawValue), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low)), .bool(true)])
    return try messages(rows, Array(0..<rows.count), tenant: tenant, in: tx)
  }

  /// The fewest retention days that a conversation of the tenant has of its own; `nil`: none has any.
  package static func fewestOwnDays(tenant: TenantID, in tx: borrowing Transaction) throws -> Int32? {
    try tx.execute(fewestOwnDays, [.int8(tenant.rawValue)]).int64OrNil(0, 0).map { Int32($0) }
  }

  /// Messages their members deleted under a hold, where no hold keeps them any more and the last one that did
  /// was released before `releasedBefore`.
  package static func released(
    tenant: TenantID, releasedBefore: Timestamp, after cursor: MessageKey?, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [Locator] {
    let rows = try tx.execute(
      released,
      [
        .int8(tenant.rawValue), .int8(cursor?.high ?? Int64.min), .int8(cursor?.low ?? Int64.min),
        .timestamp(microseconds: releasedBefore.microseconds), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { Locators.locator(rows, $0, from: 0) }
  }

  private static func messages(
    _ rows: PostgresRows, _ wanted: [Int], tenant: TenantID, in tx: borrowing Transaction
  ) throws -> [RetainedMessage] {
    let locators = wanted.map { Locators.locator(rows, $0, from: 0) }
    let facts = try RetentionFacts(of: locators, tenant: tenant, in: tx)
    return zip(wanted, locators).map { row, locator in
      let label = facts.label(of: locator)
      return RetainedMessage(
        locator: locator, kind: Int16(rows.int64(row, 9)),
        retentionDays: rows.int64OrNil(row, 10).map { Int32($0) },
        closedAt: rows.timestampOrNil(row, 11).map { Timestamp(microseconds: $0) },
        editedAt: rows.timestampOrNil(row, 12).map { Timestamp(microseconds: $0) },
        label: label.label, labelsSettleAt: label.settlesAt, events: facts.events(of: locator))
    }
  }

  // A message whose conversation's row is missing must not slip through: it counts as a group's.
  private static func columns(editsIf parameter: String, and more: String = "") -> String {
    """
    SELECT \(Locators.prefixed("l")), coalesce(c.kind, 2::smallint), c.retention_days, c.closed_at,
      CASE WHEN \(parameter) THEN (SELECT max(a.at) FROM amendment a WHERE a.route_key = l.conversation_route
        AND a.conversation_id = l.conversation_id AND a.message_high = l.route_key
        AND a.message_low = l.message_low AND a.kind = 1) END\(more)
    """
  }
  private static let conversations =
    "LEFT JOIN conversation c ON c.route_key = l.conversation_route AND c.conversation_id = l.conversation_id"
  // The inner query is nothing but a stretch of the index by time: with more conditions PostgreSQL expects so few rows
  // that it reads and sorts all that are old, for every page.
  private static let page = """
    \(columns(editsIf: "$5", and: ", " + within)) FROM (SELECT * FROM message_locator
      WHERE tenant_id = $1 AND state IN (1, 5) AND created_at <= $12
        AND (created_at, route_key, message_low) > ($2, $3, $4)
      ORDER BY created_at, route_key, message_low LIMIT $13) l \(conversations)
    ORDER BY l.created_at, l.route_key, l.message_low
    """
  private static let within = """
    (c.retention_days IS NOT NULL AND l.created_at <= $11) OR (l.created_at <= $10
      AND ($6 OR coalesce(c.kind, 2::smallint) = ANY($7) OR l.conversation_id = ANY($8) OR l.sender_id = ANY($9)))
    """
  private static let find = """
    \(columns(editsIf: "$4")) FROM message_locator l \(conversations)
    WHERE l.tenant_id = $1
      AND (l.route_key, l.message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
    ORDER BY l.route_key, l.message_low
    """
  private static let fewestOwnDays = """
    SELECT min(retention_days) FROM conversation WHERE tenant_id = $1 AND retention_days IS NOT NULL
    """
  private static let released = """
    SELECT \(Locators.prefixed("l")) FROM message_locator l
    WHERE l.tenant_id = $1 AND l.state = 5 AND (l.route_key, l.message_low) > ($2, $3)
      AND EXISTS (SELECT 1 FROM amendment a WHERE a.route_key = l.conversation_route
        AND a.conversation_id = l.conversation_id AND a.message_high = l.route_key
        AND a.message_low = l.message_low AND a.kind = 2)
      AND NOT EXISTS (SELECT 1 FROM hold h WHERE (h.released_at IS NULL OR h.released_at >= $4)
        AND \(Holds.keeps))
    ORDER BY l.route_key, l.message_low LIMIT $5
    """
}
