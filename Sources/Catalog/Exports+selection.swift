package import Model
package import Postgres

/// What an export takes in; conditions that are given must all hold.
package struct ExportFilter: Sendable, Hashable {
  package var tenant: TenantID
  package var sender: SubjectID?
  package var conversations: [ConversationID]?
  package var hold: Int64?
  package var from: Timestamp?
  /// Exclusive.
  package var to: Timestamp?
  /// The last step of each index group's feed that counts; `nil`: everything that is there.
  package var heads: [Int64]?

  package init(
    tenant: TenantID, sender: SubjectID? = nil, conversations: [ConversationID]? = nil, hold: Int64? = nil,
    from: Timestamp? = nil, to: Timestamp? = nil
  ) {
    self.tenant = tenant
    self.sender = sender
    self.conversations = conversations
    self.hold = hold
    self.from = from
    self.to = to
  }

  var values: [PostgresValue] {
    [
      .int8(tenant.rawValue), sender.map { .int8($0.rawValue) } ?? .null,
      conversations.map { .int8Array($0.map(\.rawValue)) } ?? .null, hold.map { .int8($0) } ?? .null,
    ]
  }

  var bounds: [PostgresValue] {
    [from, to].map { $0.map { .timestamp(microseconds: $0.microseconds) } ?? .null }
      + [heads.map { .int8Array($0) } ?? .null, .int8(Int64(heads?.count ?? 1))]
  }
}

/// How many located messages of a conversation are in a state.
package struct ExportCount: Sendable, Hashable {
  package let conversation: ConversationID
  package let clientSealed: Bool
  package let state: Locator.State
  package let messages: Int

  package init(conversation: ConversationID, clientSealed: Bool, state: Locator.State, messages: Int) {
    self.conversation = conversation
    self.clientSealed = clientSealed
    self.state = state
    self.messages = messages
  }
}

/// A span of membership as it was announced.
package struct MembershipRow: Sendable, Hashable {
  package let subject: SubjectID
  package let joinedAt: Timestamp
  package let visibleFrom: Timestamp
  package let leftAt: Timestamp?
  package let role: String?

  package init(
    subject: SubjectID, joinedAt: Timestamp, visibleFrom: Timestamp, leftAt: Timestamp?, role: String?
  ) {
    self.subject = subject
    self.joinedAt = joinedAt
    self.visibleFrom = visibleFrom
    self.leftAt = leftAt
    self.role = role
  }
}

extension Exports {
  /// Conversations that may hold messages of the filter, in order of id, after `cursor`.
  package static func conversations(
    _ filter: ExportFilter, after cursor: ConversationID?, limit: Int, in tx: borrowing Transaction
  ) throws -> [ConversationID] {
    let rows = try tx.execute(
      conversations, filter.values + [.int8(cursor?.rawValue ?? Int64.min), .int8(Int64(limit))])
    return (0..<rows.count).map { ConversationID(rawValue: rows.int64($0, 0)) }
  }

  /// Located messages of the filter by conversation and state. One pass over the tenant's locators, or over the
  /// sender's.
  package static func counts(_ filter: ExportFilter, in tx: borrowing Transaction) throws -> [ExportCount] {
    let rows = try tx.execute(counts, filter.values + filter.bounds)
    return (0..<rows.count).compactMap { row in
      Locator.State(rawValue: Int16(rows.int64(row, 2))).map {
        ExportCount(
          conversation: ConversationID(rawValue: rows.int64(row, 0)), clientSealed: rows.bool(row, 1),
          state: $0,
          messages: Int(rows.int64(row, 3)))
      }
    }
  }

  /// The same as ``counts(_:in:)``, summed up over the conversations.
  package static func totals(_ filter: ExportFilter, in tx: borrowing Transaction) throws -> [Locator.State:
    Int]
  {
    let rows = try tx.execute(totals, filter.values + filter.bounds)
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).compactMap { row in
        Locator.State(rawValue: Int16(rows.int64(row, 0))).map { ($0, Int(rows.int64(row, 1))) }
      })
  }

  /// How many located messages of the filter each sender wrote, in these states.
  package static func senders(
    _ filter: ExportFilter, states: Set<Locator.State>, in tx: borrowing Transaction
  ) throws -> [SubjectID: Int] {
    let rows = try tx.execute(
      senders, filter.values + filter.bounds + [.int8Array(states.map { Int64($0.rawValue) })])
    return Dictionary(
      uniqueKeysWithValues: (0..<rows.count).map {
        (SubjectID(rawValue: rows.int64($0, 0)), Int(rows.int64($0, 1)))
      })
  }

  /// Which of the messages the hold keeps, or kept until it was released.
  package static func covered(by hold: Int64, _ keys: [MessageKey], in tx: borrowing Transaction) throws
    -> Set<MessageKey>
  {
    guard !keys.isEmpty else { return [] }
    let rows = try tx.execute(
      covered, [.int8(hold), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    return Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
  }

  /// Spans of membership of a conversation by subject and time, after `cursor`.
  package static func members(
    route: RouteKey, conversation: ConversationID, after cursor: MembershipRow?, limit: Int,
    in tx: borrowing Transaction
  ) throws -> [MembershipRow] {
    let rows = try tx.execute(
      members,
      [
        .int8(route.rawValue), .int8(conversation.rawValue), .int8(cursor?.subject.rawValue ?? Int64.min),
        .timestamp(microseconds: (cursor?.joinedAt ?? .earliest).microseconds), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { row in
      MembershipRow(
        subject: SubjectID(rawValue: rows.int64(row, 0)),
        joinedAt: Timestamp(microseconds: rows.timestamp(row, 1)),
        visibleFrom: Timestamp(microseconds: rows.timestamp(row, 2)),
        leftAt: rows.timestampOrNil(row, 3).map { Timestamp(microseconds: $0) }, role: rows.textOrNil(row, 4))
    }
  }

  // With a hold by query goes what its query found: nothing is handed out for it then, rather than all it covered.
  private static let held = "(NOT h.by_query OR h.released_at IS NULL) AND \(Holds.keeps)"
  private static let conversations = """
    SELECT c.conversation_id FROM conversation c
    WHERE c.tenant_id = $1 AND c.conversation_id > $5
      AND ($2::bigint IS NULL OR EXISTS (SELECT 1 FROM subject_conversation s
        WHERE s.route_key = $2 AND s.subject_id = $2 AND s.conversation_id = c.conversation_id))
      AND ($3::bigint[] IS NULL OR c.conversation_id = ANY($3))
      AND ($4::bigint IS NULL OR EXISTS (SELECT 1 FROM hold h WHERE h.hold_id = $4 AND h.tenant_id = $1
        AND (h.conversations = '{}' OR c.conversation_id = ANY(h.conversations))
        AND (h.custodians = '{}' OR EXISTS (SELECT 1 FROM subject_conversation s
          WHERE s.route_key = ANY(h.custodians) AND s.subject_id = s.route_key
            AND s.conversation_id = c.conversation_id))))
    ORDER BY c.conversation_id LIMIT $6
    """
  static let selected = """
    l.tenant_id = $1 AND ($2::bigint IS NULL OR l.sender_id = $2)
      AND ($3::bigint[] IS NULL OR l.conversation_id = ANY($3))
      AND ($4::bigint IS NULL OR EXISTS (SELECT 1 FROM hold h WHERE h.hold_id = $4 AND \(held)))
      AND ($5::timestamptz IS NULL OR l.created_at >= $5) AND ($6::timestamptz IS NULL OR l.created_at < $6)
      AND ($7::bigint[] IS NULL
        OR l.sequence <= ($7)[1 + (((l.conversation_route >> 32) & 4294967295) % $8)::int])
    """
  private static let counts = """
    SELECT l.conversation_id, c.client_sealed, l.state, count(*)
    FROM message_locator l JOIN conversation c
      ON c.route_key = l.conversation_route AND c.conversation_id = l.conversation_id
    WHERE \(selected) GROUP BY l.conversation_id, c.client_sealed, l.state ORDER BY l.conversation_id, l.state
    """
  private static let totals =
    "SELECT l.state, count(*) FROM message_locator l WHERE \(selected) GROUP BY l.state"
  private static let senders = """
    SELECT l.sender_id, count(*) FROM message_locator l WHERE \(selected) AND l.state = ANY($9)
    GROUP BY l.sender_id
    """
  private static let covered = """
    SELECT l.route_key, l.message_low FROM message_locator l JOIN hold h ON \(held)
    WHERE h.hold_id = $1
      AND (l.route_key, l.message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
    """
  private static let members = """
    SELECT subject_id, joined_at, visible_from, left_at, role FROM membership
    WHERE route_key = $1 AND conversation_id = $2 AND (subject_id, joined_at) > ($3, $4)
    ORDER BY subject_id, joined_at LIMIT $5
    """
}
