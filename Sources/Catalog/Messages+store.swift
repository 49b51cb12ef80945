package import Model
package import Postgres

/// A message ready to be stored: everything personal sealed.
package struct NewMessage: Sendable {
  package let key: MessageKey
  package let route: RouteKey
  package let group: Int16
  package let conversation: ConversationID
  package let sender: SubjectID
  package let createdAt: Timestamp
  /// Keyed hash of the content, by which a repetition is told from a contradiction.
  package let digest: Int64
  package let sealed: [UInt8]

  package init(
    key: MessageKey, route: RouteKey, group: Int16, conversation: ConversationID, sender: SubjectID,
    createdAt: Timestamp, digest: Int64, sealed: [UInt8]
  ) {
    self.key = key
    self.route = route
    self.group = group
    self.conversation = conversation
    self.sender = sender
    self.createdAt = createdAt
    self.digest = digest
    self.sealed = sealed
  }
}

extension Messages {
  /// What became of a message of a batch that was not stored.
  package struct Known: Sendable {
    package let ordinal: Int
    /// The same content was stored before; otherwise the id is taken by something else.
    package let isDuplicate: Bool
  }

  /// Stores a batch by COPY and numbers the feed. The caller has locked the feed heads of all groups concerned and
  /// must commit this transaction whole. An id that another process stores in another group at the same moment
  /// fails as a violation of uniqueness (23505).
  /// - Returns: the messages that were known already.
  package static func store(_ batch: [NewMessage], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [Known]
  {
    guard !batch.isEmpty else { return [] }
    let known = try alreadyStored(batch, in: tx)
    let skipped = Set(known.map(\.ordinal))
    var numbering = try FeedNumbering(groups: Set(batch.map(\.group)), in: tx)
    let fresh = try batch.indices.filter { !skipped.contains($0) }
      .map { (message: batch[$0], sequence: try numbering.next(batch[$0].group)) }
    guard !fresh.isEmpty else { return known }
    try tx.copyIn(copyLocators) { (writer: inout CopyWriter) throws(PostgresError) in
      for (message, sequence) in fresh { message.writeLocator(sequence, tenant, to: &writer) }
    }
    try tx.copyIn(copyMessages) { (writer: inout CopyWriter) throws(PostgresError) in
      for (message, sequence) in fresh { message.writeRow(sequence, tenant, to: &writer) }
    }
    try tx.copyIn(copyFeed) { (writer: inout CopyWriter) throws(PostgresError) in
      for (message, sequence) in fresh { message.writeStep(sequence, to: &writer) }
    }
    try numbering.save(in: tx)
    return known
  }

  private static func alreadyStored(_ batch: [NewMessage], in tx: borrowing Transaction) throws -> [Known] {
    let rows = try tx.execute(
      selectKnown,
      [.int8Array(batch.map(\.key.high)), .int8Array(batch.map(\.key.low)), .int8Array(batch.map(\.digest))])
    return (0..<rows.count).map { Known(ordinal: Int(rows.int64($0, 0)) - 1, isDuplicate: rows.bool($0, 1)) }
  }

  // The lateral form makes PostgreSQL probe the index a key, however large the table; a join would read all of it.
  // An erased message has no digest any more: whatever comes under its id is a late delivery, and is kept nowhere.
  private static let selectKnown = """
    SELECT n.ordinality, l.digest = n.digest OR l.state = 4
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS n(high, low, digest)
    CROSS JOIN LATERAL (SELECT digest, state FROM message_locator WHERE route_key = n.high
      AND message_low = n.low OFFSET 0) l
    """
  private static let copyLocators = """
    COPY message_locator (route_key, message_low, tenant_id, conversation_route, conversation_id, sender_id,
      created_at, sequence, digest, state) FROM STDIN (FORMAT binary)
    """
  private static let copyMessages = """
    COPY message (route_key, conversation_id, created_at, sequence, message_high, message_low, tenant_id, sender_id,
      payload) FROM STDIN (FORMAT binary)
    """
  private static let copyFeed =
    "COPY feed (group_id, sequence, kind, message_high, message_low) FROM STDIN (FORMAT binary)"
}

extension NewMessage {
  fileprivate func writeLocator(_ sequence: Int64, _ tenant: TenantID, to writer: inout CopyWriter) {
    writer.beginRow(columns: 10)
    writer.int8(key.high)
    writer.int8(key.low)
    writer.int8(tenant.rawValue)
    writer.int8(route.rawValue)
    writer.int8(conversation.rawValue)
    writer.int8(sender.rawValue)
    writer.timestamp(microseconds: createdAt.microseconds)
    writer.int8(sequence)
    writer.int8(digest)
    writer.int2(Locator.State.live.rawValue)
  }

  fileprivate func writeRow(_ sequence: Int64, _ tenant: TenantID, to writer: inout CopyWriter) {
    writer.beginRow(columns: 9)
    writer.int8(route.rawValue)
    writer.int8(conversation.rawValue)
    writer.timestamp(microseconds: createdAt.microseconds)
    writer.int8(sequence)
    writer.int8(key.high)
    writer.int8(key.low)
    writer.int8(tenant.rawValue)
    writer.int8(sender.rawValue)
    writer.bytes(sealed)
  }

  fileprivate func writeStep(_ sequence: Int64, to writer: inout CopyWriter) {
    writer.beginRow(columns: 5)
    writer.int2(group)
    writer.int8(sequence)
    writer.int2(FeedEntry.Kind.created.rawValue)
    writer.int8(key.high)
    writer.int8(key.low)
  }
}
