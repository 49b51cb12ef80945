package import Model
package import Postgres

/// What a member may read of a conversation: messages created in `[from, until)`.
package struct MembershipWindow: Sendable, Hashable {
  package let conversation: ConversationID
  package let route: RouteKey
  package let subject: SubjectID
  package let from: Timestamp
  package let until: Timestamp

  package init(
    conversation: ConversationID, route: RouteKey, subject: SubjectID, from: Timestamp, until: Timestamp
  ) {
    self.conversation = conversation
    self.route = route
    self.subject = subject
    self.from = from
    self.until = until
  }

  package func contains(_ time: Timestamp) -> Bool { from <= time && time < until }
}

package enum Memberships {
  /// Opens windows; a subject that already has an open one in the conversation keeps it. Returns how many were new.
  package static func join(
    _ members: [(
      route: RouteKey, conversation: ConversationID, subject: SubjectID, at: Timestamp,
      visibleFrom: Timestamp, role: String?
    )],
    tenant: TenantID, in tx: borrowing Transaction
  ) throws -> Int {
    guard !members.isEmpty else { return 0 }
    let added = try tx.execute(
      join,
      [
        .int8Array(members.map(\.route.rawValue)), .int8Array(members.map(\.conversation.rawValue)),
        .int8Array(members.map(\.subject.rawValue)), .timestampArray(members.map(\.at.microseconds)),
        .timestampArray(members.map(\.visibleFrom.microseconds)), .textArray(members.map { $0.role ?? "" }),
      ])
    try changed(Set((0..<added.count).map { SubjectID(rawValue: added.int64($0, 0)) }), in: tx)
    try link(members.map { ($0.subject, $0.conversation, $0.route) }, tenant: tenant, in: tx)
    return added.count
  }

  /// Closes the subject's open window; returns whether there was one.
  package static func leave(
    route: RouteKey, conversation: ConversationID, subject: SubjectID, at time: Timestamp,
    in tx: borrowing Transaction
  ) throws -> Bool {
    let hasLeft =
      try tx.execute(
        leave,
        [
          .int8(route.rawValue), .int8(conversation.rawValue), .int8(subject.rawValue),
          .timestamp(microseconds: time.microseconds),
        ]
      ).affected > 0
    if hasLeft { try changed([subject], in: tx) }
    return hasLeft
  }

  /// Whether the subject was in the conversation at a time, or left it just then.
  package static func wasIn(
    route: RouteKey, conversation: ConversationID, subject: SubjectID, at time: Timestamp,
    in tx: borrowing Transaction
  ) throws -> Bool {
    try tx.execute(
      wasIn,
      [
        .int8(route.rawValue), .int8(conversation.rawValue), .int8(subject.rawValue),
        .timestamp(microseconds: time.microseconds),
      ]
    ).count > 0
  }

  /// Another number after every change of the subject's windows; `nil`: there never was one. Windows that are read
  /// after it are no older.
  package static func version(of subject: SubjectID, in tx: borrowing Transaction) throws -> Int64? {
    let rows = try tx.execute(version, [.int8(subject.rawValue)])
    return rows.count == 0 ? nil : rows.int64(0, 0)
  }

  private static func changed(_ subjects: Set<SubjectID>, in tx: borrowing Transaction) throws {
    guard !subjects.isEmpty else { return }
    try tx.execute(
      changed,
      [
        .int8Array(subjects.map(\.rawValue).sorted()),
        .int8Array(subjects.map { _ in .random(in: .min ... .max) }),
      ])
  }

  /// Notes that the subjects appear in the conversations, for subject-wide work.
  package static func link(
    _ pairs: [(SubjectID, ConversationID, RouteKey)], tenant: TenantID, in tx: borrowing Transaction
  ) throws {
    guard !pairs.isEmpty else { return }
    try tx.execute(
      link,
      [
        .int8(tenant.rawValue), .int8Array(pairs.map { $0.0.rawValue }),
        .int8Array(pairs.map { $0.1.rawValue }), .int8Array(pairs.map { $0.2.rawValue }),
      ])
  }

  /// Every conversation the subject appears in, as author, member or reactor.
  package static func conversations(of subject: SubjectID, in tx: borrowing Transaction) throws
    -> [(ConversationID, RouteKey)]
  {
    let rows = try tx.execute(conversations, [.int8(subject.rawValue)])
    return (0..<rows.count).map {
      (ConversationID(rawValue: rows.int64($0, 0)), RouteKey(rawValue: rows.int64($0, 1)))
    }
  }

  /// The member's windows, of all conversations or of one.
  package static func windows(
    of subject: SubjectID, conversation: ConversationID? = nil, in tx: borrowing Transaction
  ) throws -> [MembershipWindow] {
    let rows = try tx.execute(
      windows, [.int8(subject.rawValue), conversation.map { .int8($0.rawValue) } ?? .null])
    return (0..<rows.count).map {
      MembershipWindow(
        conversation: ConversationID(rawValue: rows.int64($0, 0)),
        route: RouteKey(rawValue: rows.int64($0, 1)),
        subject: subject, from: Timestamp(microseconds: rows.timestamp($0, 2)),
        until: rows.timestampOrNil($0, 3).map { Timestamp(microseconds: $0) } ?? .latest)
    }
  }

  /// From when until when the subject was in which conversations, whatever it could read there.
  package static func presence(of subject: SubjectID, in tx: borrowing Transaction) throws
    -> [MembershipWindow]
  {
    let rows = try tx.execute(presence, [.int8(subject.rawValue)])
    return (0..<rows.count).map {
      MembershipWindow(
        conversation: ConversationID(rawValue: rows.int64($0, 0)),
        route: RouteKey(rawValue: rows.int64($0, 1)),
        subject: subject, from: Timestamp(microseconds: rows.timestamp($0, 2)),
        until: rows.timestampOrNil($0, 3).map { Timestamp(microseconds: $0) } ?? .latest)
    }
  }

  /// Removes where the subject was, and what they read. What an active hold on them as custodian needs stays, ended: it
  /// tells which messages of others the hold covers, and which of them they had seen.
  package static func removeAll(of subject: SubjectID, at now: Timestamp, in tx: borrowing Transaction) throws
    -> Int
  {
    guard try !Holds.nameCustodian(subject, in: tx) else {
      try changed([subject], in: tx)
      return try tx.execute(
        endMemberships, [.int8(subject.rawValue), .timestamp(microseconds: now.microseconds)]
      ).affected
    }
    try tx.execute(removeReceipts, [.int8(subject.rawValue)])
    let removed = try tx.execute(removeMemberships, [.int8(subject.rawValue)]).affected
    try tx.execute(
      "DELETE FROM subject_conversation WHERE route_key = $1 AND subject_id = $1", [.int8(subject.rawValue)])
    try tx.execute(removeVersion, [.int8(subject.rawValue)])
    return removed
  }

  private static let join = """
    INSERT INTO membership (route_key, conversation_id, subject_id, joined_at, visible_from, role)
    SELECT DISTINCT ON (n.route, n.conversation, n.subject)
      n.route, n.conversation, n.subject, n.at, n.visible, nullif(n.role, '')
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[])
      AS n(route, conversation, subject, at, visible, role)
    WHERE NOT EXISTS (SELECT 1 FROM membership m WHERE m.route_key = n.route
      AND m.conversation_id = n.conversation AND m.subject_id = n.subject AND m.left_at IS NULL)
    ORDER BY n.route, n.conversation, n.subject, n.at
    ON CONFLICT DO NOTHING RETURNING subject_id
    """
  private static let version =
    "SELECT version FROM membership_version WHERE route_key = $1 AND subject_id = $1"
  // Waits for who changes the same subject's windows: two changes side by side must not leave a number that was read
  // between them.
  private static let changed = """
    INSERT INTO membership_version (route_key, subject_id, version)
    SELECT s, s, v FROM unnest($1::bigint[], $2::bigint[]) AS n(s, v) ORDER BY s
    ON CONFLICT (route_key, subject_id) DO UPDATE SET version = EXCLUDED.version
    """
  private static let removeVersion =
    "DELETE FROM membership_version WHERE route_key = $1 AND subject_id = $1"
  private static let endMemberships = """
    UPDATE membership SET left_at = $2, role = NULL WHERE subject_id = $1 AND (left_at IS NULL OR role IS NOT NULL)
      AND (route_key, conversation_id) IN
        (SELECT conversation_route, conversation_id FROM subject_conversation WHERE route_key = $1 AND subject_id = $1)
    """
  private static let leave = """
    UPDATE membership SET left_at = $4 WHERE route_key = $1 AND conversation_id = $2 AND subject_id = $3
      AND left_at IS NULL AND joined_at <= $4
    """
  private static let wasIn = """
    SELECT 1 FROM membership WHERE route_key = $1 AND conversation_id = $2 AND subject_id = $3
      AND joined_at <= $4 AND (left_at IS NULL OR left_at >= $4) LIMIT 1
    """
  private static let link = """
    INSERT INTO subject_conversation (route_key, subject_id, conversation_id, conversation_route, tenant_id)
    SELECT DISTINCT s, s, c, r, $1::bigint FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS n(s, c, r)
    ON CONFLICT DO NOTHING
    """
  private static let conversations =
    "SELECT conversation_id, conversation_route FROM subject_conversation WHERE route_key = $1 AND subject_id = $1"
  private static let windows = """
    SELECT m.conversation_id, m.route_key, m.visible_from, m.left_at
    FROM subject_conversation s JOIN membership m ON m.route_key = s.conversation_route
      AND m.conversation_id = s.conversation_id AND m.subject_id = s.subject_id
    WHERE s.route_key = $1 AND s.subject_id = $1 AND ($2::bigint IS NULL OR s.conversation_id = $2)
    """
  private static let presence = """
    SELECT m.conversation_id, m.route_key, m.joined_at, m.left_at
    FROM subject_conversation s JOIN membership m ON m.route_key = s.conversation_route
      AND m.conversation_id = s.conversation_id AND m.subject_id = s.subject_id
    WHERE s.route_key = $1 AND s.subject_id = $1
    """
  private static let removeMemberships = """
    DELETE FROM membership m USING subject_conversation s WHERE s.route_key = $1 AND s.subject_id = $1
      AND m.route_key = s.conversation_route AND m.conversation_id = s.conversation_id AND m.subject_id = $1
    """
  private static let removeReceipts = """
    DELETE FROM receipt m USING subject_conversation s WHERE s.route_key = $1 AND s.subject_id = $1
      AND m.route_key = s.conversation_route AND m.conversation_id = s.conversation_id AND m.subject_id = $1
    """
}
