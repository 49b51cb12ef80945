package import Model
package import Postgres

/// A segment as the catalogue knows it.
package struct SegmentRow: Sendable, Hashable {
  /// Hexadecimal; also the object's name without its suffix.
  package let id: String
  package let tenant: TenantID
  package let retentionClass: Int16
  package let period: Period
  package let messages: Int64
  package let bytes: Int64
  /// BLAKE2b-256 of the whole object.
  package let hash: [UInt8]
  package let sealedAt: Timestamp
  package let supersededAt: Timestamp?
  /// Of the dictionary its lanes need.
  package let dictionary: [UInt8]?
  /// Bytes of each column, in the format's order.
  package let columns: [Int64]

  package init(
    id: String, tenant: TenantID, retentionClass: Int16, period: Period, messages: Int64, bytes: Int64,
    hash: [UInt8],
    sealedAt: Timestamp, supersededAt: Timestamp? = nil, dictionary: [UInt8]? = nil, columns: [Int64] = []
  ) {
    self.dictionary = dictionary
    self.columns = columns
    self.id = id
    self.tenant = tenant
    self.retentionClass = retentionClass
    self.period = period
    self.messages = messages
    self.bytes = bytes
    self.hash = hash
    self.sealedAt = sealedAt
    self.supersededAt = supersededAt
  }
}

/// One block of a segment: a run of one conversation.
package struct BlockRow: Sendable, Hashable {
  package let segment: String
  package let period: Period
  package let tenant: TenantID
  package let retentionClass: Int16
  package let ordinal: Int32
  package let route: RouteKey
  package let conversation: ConversationID
  package let first: MessagePosition
  package let last: MessagePosition
  package let count: Int32
  package let offset: Int64
  package let length: Int32
  package let hash: [UInt8]
  /// Its segment's.
  package let dictionary: [UInt8]?

  package init(
    segment: String, period: Period, tenant: TenantID, retentionClass: Int16, ordinal: Int32, route: RouteKey,
    conversation: ConversationID, first: MessagePosition, last: MessagePosition, count: Int32, offset: Int64,
    length: Int32, hash: [UInt8], dictionary: [UInt8]?
  ) {
    self.dictionary = dictionary
    self.segment = segment
    self.period = period
    self.tenant = tenant
    self.retentionClass = retentionClass
    self.ordinal = ordinal
    self.route = route
    self.conversation = conversation
    self.first = first
    self.last = last
    self.count = count
    self.offset = offset
    self.length = length
    self.hash = hash
  }
}

package enum Archive {
  package static func insert(_ segment: SegmentRow, blocks: [BlockRow], in tx: borrowing Transaction) throws {
    try tx.execute(
      insertSegment,
      [
        .text(segment.id), .int8(segment.tenant.rawValue), .int2(segment.retentionClass),
        .int4(segment.period.rawValue), .int8(segment.messages), .int8(segment.bytes), .bytes(segment.hash),
        .timestamp(microseconds: segment.sealedAt.microseconds),
        segment.dictionary.map { .bytes($0) } ?? .null,
        .int8Array(segment.columns),
      ])
    try tx.execute(
      insertBlocks,
      [
        .text(segment.id), .int8Array(blocks.map(\.route.rawValue)),
        .int8Array(blocks.map(\.conversation.rawValue)),
        .int8Array(blocks.map { Int64($0.ordinal) }),
        .timestampArray(blocks.map(\.first.createdAt.microseconds)),
        .int8Array(blocks.map(\.first.sequence)), .timestampArray(blocks.map(\.last.createdAt.microseconds)),
        .int8Array(blocks.map(\.last.sequence)), .int8Array(blocks.map { Int64($0.count) }),
        .int8Array(blocks.map(\.offset)), .int8Array(blocks.map { Int64($0.length) }),
        .bytesArray(blocks.map(\.hash)),
      ])
  }

  package static func segments(tenant: TenantID?, superseded: Bool = false, in tx: borrowing Transaction)
    throws
    -> [SegmentRow]
  {
    let rows = try tx.execute(
      selectSegments + """
         WHERE ($1::bigint IS NULL OR tenant_id = $1) AND (superseded_at IS NOT NULL) = $2
        ORDER BY tenant_id, period, sealed_at, segment_id
        """, [tenant.map { .int8($0.rawValue) } ?? .null, .bool(superseded)])
    return (0..<rows.count).map { segment(rows, $0) }
  }

  package static func segment(_ id: String, in tx: borrowing Transaction) throws -> SegmentRow? {
    let rows = try tx.execute(selectSegments + " WHERE segment_id = $1", [.text(id)])
    return rows.count == 0 ? nil : segment(rows, 0)
  }

  /// From now on readers use what replaces it; the object may be deleted once they are done.
  package static func supersede(_ id: String, at now: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute("DELETE FROM segment_block WHERE segment_id = $1", [.text(id)])
    try tx.execute(
      "UPDATE segment SET superseded_at = $2 WHERE segment_id = $1 AND superseded_at IS NULL",
      [.text(id), .timestamp(microseconds: now.microseconds)])
  }

  package static func remove(_ id: String, in tx: borrowing Transaction) throws {
    try tx.execute("DELETE FROM segment WHERE segment_id = $1 AND superseded_at IS NOT NULL", [.text(id)])
  }

  /// Blocks of a conversation that reach into the open interval between two positions, nearest to its start
  /// (ascending) or end (descending) first.
  package static func blocks(
    route: RouteKey, conversation: ConversationID, after: MessagePosition, before: MessagePosition,
    ascending: Bool,
    limit: Int, in tx: borrowing Transaction
  ) throws -> [BlockRow] {
    let order = ascending ? "b.first_at ASC, b.first_sequence ASC" : "b.last_at DESC, b.last_sequence DESC"
    let rows = try tx.execute(
      selectBlocks + """
         WHERE b.route_key = $1 AND b.conversation_id = $2
        AND (b.last_at, b.last_sequence) > ($3, $4) AND (b.first_at, b.first_sequence) < ($5, $6)
        ORDER BY \(order), b.segment_id LIMIT $7
        """,
      [
        .int8(route.rawValue), .int8(conversation.rawValue),
        .timestamp(microseconds: after.createdAt.microseconds),
        .int8(after.sequence), .timestamp(microseconds: before.createdAt.microseconds),
        .int8(before.sequence),
        .int8(Int64(limit)),
      ])
    return (0..<rows.count).map { block(rows, $0) }
  }

  /// The blocks of a conversation that may hold messages at the given positions.
  package static func blocks(
    holding positions: [MessagePosition], route: RouteKey, conversation: ConversationID,
    in tx: borrowing Transaction
  ) throws -> [BlockRow] {
    let rows = try tx.execute(
      selectBlocks + """
         WHERE b.route_key = $1 AND b.conversation_id = $2 AND EXISTS (
          SELECT 1 FROM unnest($3::timestamptz[], $4::bigint[]) AS p(at, sequence)
          WHERE (b.first_at, b.first_sequence) <= (p.at, p.sequence) AND (p.at, p.sequence) <= (b.last_at, b.last_sequence))
        ORDER BY b.segment_id, b.ordinal
        """,
      [
        .int8(route.rawValue), .int8(conversation.rawValue),
        .timestampArray(positions.map(\.createdAt.microseconds)),
        .int8Array(positions.map(\.sequence)),
      ])
    return (0..<rows.count).map { block(rows, $0) }
  }

  package static func blocks(segment: String, in tx: borrowing Transaction) throws -> [BlockRow] {
    let rows = try tx.execute(selectBlocks + " WHERE b.segment_id = $1 ORDER BY b.ordinal", [.text(segment)])
    return (0..<rows.count).map { block(rows, $0) }
  }

  private static func segment(_ rows: PostgresRows, _ row: Int) -> SegmentRow {
    SegmentRow(
      id: rows.text(row, 0), tenant: TenantID(rawValue: rows.int64(row, 1)),
      retentionClass: Int16(rows.int64(row, 2)), period: Period(rawValue: Int32(rows.int64(row, 3))),
      messages: rows.int64(row, 4), bytes: rows.int64(row, 5), hash: rows.bytes(row, 6),
      sealedAt: Timestamp(microseconds: rows.timestamp(row, 7)),
      supersededAt: rows.timestampOrNil(row, 8).map { Timestamp(microseconds: $0) },
      dictionary: rows.bytesOrNil(row, 9), columns: rows.int64Array(row, 10))
  }

  private static func block(_ rows: PostgresRows, _ row: Int) -> BlockRow {
    BlockRow(
      segment: rows.text(row, 0), period: Period(rawValue: Int32(rows.int64(row, 1))),
      tenant: TenantID(rawValue: rows.int64(row, 2)), retentionClass: Int16(rows.int64(row, 3)),
      ordinal: Int32(rows.int64(row, 4)), route: RouteKey(rawValue: rows.int64(row, 5)),
      conversation: ConversationID(rawValue: rows.int64(row, 6)),
      first: MessagePosition(
        createdAt: Timestamp(microseconds: rows.timestamp(row, 7)), sequence: rows.int64(row, 8)),
      last: MessagePosition(
        createdAt: Timestamp(microseconds: rows.timestamp(row, 9)), sequence: rows.int64(row, 10)),
      count: Int32(rows.int64(row, 11)), offset: rows.int64(row, 12), length: Int32(rows.int64(row, 13)),
      hash: rows.bytes(row, 14), dictionary: rows.bytesOrNil(row, 15))
  }

  private static let insertSegment = """
    INSERT INTO segment (segment_id, tenant_id, retention_class, period, message_count, byte_count, hash, sealed_at,
      dictionary_id, column_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    """
  private static let insertBlocks = """
    INSERT INTO segment_block (segment_id, route_key, conversation_id, ordinal, first_at, first_sequence, last_at,
      last_sequence, message_count, byte_offset, byte_count, hash)
    SELECT $1, r, c, o::int, fa, fs, la, ls, n::int, off, len::int, h
    FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::timestamptz[],
      $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[])
      AS u(r, c, o, fa, fs, la, ls, n, off, len, h)
    """
  private static let selectSegments = """
    SELECT segment_id, tenant_id, retention_class, period, message_count, byte_count, hash, sealed_at, superseded_at,
      dictionary_id, column_bytes
    FROM segment
    """
  private static let selectBlocks = """
    SELECT b.segment_id, s.period, s.tenant_id, s.retention_class, b.ordinal, b.route_key, b.conversation_id,
      b.first_at, b.first_sequence, b.last_at, b.last_sequence, b.message_count, b.byte_offset, b.byte_count, b.hash,
      s.dictionary_id
    FROM segment_block b JOIN segment s ON s.segment_id = b.segment_id
    """
}
