package import Catalog
package import KeyVault
package import Model
import Postgres

extension HistoryReader {
  /// Blocks looked up for one batch; each is read when the ones before it did not fill the page.
  private static let blocksPerBatch = 4

  /// The next stored messages of a span. Both tiers are asked for the same stretch; while a segment is being
  /// switched in, a message may be in both, and counts once.
  /// With `preserved`, copies of what erased people wrote come as well.
  func stored(
    _ span: Span, wanted: Int, preserved: Bool, failed: (BlockRow, any Error) throws -> Void
  ) async throws -> Batch {
    // Some of what is found is hidden: a few more rows cost less than another visit. Blocks cost more.
    let limit = max(wanted, 32)
    let (hot, blocks, areMore) = try await fetched(span, limit: limit)
    // After the others: a copy is made before what it is of goes.
    let copies = preserved ? try await copies(span, limit: limit) : []
    // Beyond these points a tier may have more than was fetched.
    var horizons: [MessagePosition] = []
    if hot.count == limit, let last = hot.last { horizons.append(last.position) }
    if copies.count == limit, let last = copies.last { horizons.append(last.position) }
    if areMore, let last = blocks.last {
      horizons.append(span.ascending ? last.first : last.last)
    }
    var rows: [MessagePosition: TieredMessage] = [:]
    for row in try await self.rows(of: copies, tenant: span.tenant) { rows[row.message.position] = row }
    for (index, block) in blocks.enumerated() {
      for message in try await messages(of: block, failed: failed)
      where span.after < message.position && message.position < span.before {
        rows[message.position] = TieredMessage(message: message, tier: .cold)
      }
      // A page that is full before the next block begins leaves that block unread.
      guard index + 1 < blocks.count else { continue }
      let edge = Self.edge(before: blocks[index + 1], ascending: span.ascending)
      if rows.keys.count(where: { span.ascending ? $0 <= edge : $0 >= edge }) >= wanted {
        horizons.append(edge)
        break
      }
    }
    for message in try await opened(hot, tenant: span.tenant) {
      rows[message.position] = TieredMessage(message: message, tier: .hot)
    }
    return Batch(rows.values, ascending: span.ascending, horizons)
  }

  /// The last position that no message of a block that follows can have.
  private static func edge(before block: BlockRow, ascending: Bool) -> MessagePosition {
    ascending
      ? MessagePosition(createdAt: block.first.createdAt, sequence: block.first.sequence - 1)
      : MessagePosition(createdAt: block.last.createdAt, sequence: block.last.sequence + 1)
  }

  /// Hot rows and blocks, and whether there may be more blocks. Of blocks that reach back over the start of the span so
  /// many are asked for that the last one does not: otherwise the batch would not get any further.
  ///
  /// Both are of one state of the catalogue: a segment that is brought back into the hot tables between the two looks
  /// would be found by neither.
  private func fetched(
    _ span: Span, limit: Int
  ) async throws -> (hot: [HotMessage], blocks: [BlockRow], areMore: Bool) {
    var blocksMax = Self.blocksPerBatch
    var lookings = 0
    while true {
      let most = blocksMax
      let (hot, blocks, isSteady) = try await database.read { tx in
        let before = try ArchiveHead.read(in: tx)
        return (
          try Messages.page(
            route: span.route, conversation: span.conversation, after: span.after, before: span.before,
            ascending: span.ascending, limit: limit, in: tx),
          try Archive.blocks(
            route: span.route, conversation: span.conversation, after: span.after, before: span.before,
            ascending: span.ascending, limit: most, in: tx),
          try ArchiveHead.read(in: tx) == before
        )
      }
      lookings += 1
      guard isSteady || lookings >= Self.readingsMax else { continue }
      guard blocks.count == most, let last = blocks.last else { return (hot, blocks, false) }
      guard span.ascending ? last.first <= span.after : last.last >= span.before else {
        return (hot, blocks, true)
      }
      (blocksMax, lookings) = (blocksMax * 4, 0)
    }
  }

  private func copies(_ span: Span, limit: Int) async throws -> [PreservedCopy] {
    try await database.read { tx in
      try Preservations.page(
        route: span.route, conversation: span.conversation, after: span.after, before: span.before,
        ascending: span.ascending, limit: limit, in: tx)
    }
  }

  private func messages(
    of block: BlockRow, failed: (BlockRow, any Error) throws -> Void
  ) async throws -> [StoredMessage] {
    do {
      return try await archive.recentMessages(block)
    } catch {
      try failed(block, error)
      return []
    }
  }

  /// What the catalogue knows of messages beside what is stored.
  struct Facts: Sendable {
    var locators: [MessageKey: Locator] = [:]
    var amendments: [AmendmentRow] = []

    static func of(_ keys: [MessageKey], in tx: borrowing Transaction) throws -> Facts {
      guard !keys.isEmpty else { return Facts() }
      return try Facts(try Locators.find(keys, in: tx), changed: keys, in: tx)
    }

    /// - Parameter changed: the messages that have amendments, as far as that is known.
    init(_ locators: [MessageKey: Locator], changed: [MessageKey], in tx: borrowing Transaction) throws {
      self.locators = locators
      let places = changed.compactMap { key in locators[key].map { ($0.route, $0.conversation, key) } }
      amendments = try Amendments.find(places, in: tx)
    }

    init() {}
  }

  /// Opens hot rows; those whose key is destroyed are left out.
  package func opened(_ rows: [HotMessage], tenant: TenantID) async throws -> [StoredMessage] {
    let lanes = try await vault.lanes(Set(rows.map { $0.lane(tenant) }), creating: false)
    return try rows.compactMap { row in
      try lanes[row.lane(tenant)].map { try row.opened($0) }
    }
  }

  /// Adds states and changes; keeps what is in one of the states.
  func merged(_ rows: [TieredMessage], tenant: TenantID, states: Set<Locator.State>) async throws
    -> [HistoricMessage]
  {
    guard !rows.isEmpty else { return [] }
    let keys = rows.map(\.message.key)
    let facts = try await database.read { tx in try Facts.of(keys, in: tx) }
    return try await merged(rows, facts, tenant: tenant, states: states)
  }

  func merged(
    _ rows: [TieredMessage], _ facts: Facts, tenant: TenantID, states: Set<Locator.State>
  ) async throws -> [HistoricMessage] {
    let (rows, facts, contents) = try await unfolded(rows, facts)
    var changes =
      facts.amendments.isEmpty ? [:] : try await opened(facts.amendments, contents, tenant: tenant)
    if states.contains(.restricted) {
      for (key, kept) in try await keptChanges(of: rows.map(\.message.key), tenant: tenant) {
        let known = Set(changes[key] ?? [])
        changes[key, default: []] += kept.filter { !known.contains($0) }
        changes[key]?.sort { ($0.at, $0.version) < ($1.at, $1.version) }
      }
    }
    var merged: [HistoricMessage] = []
    for row in rows {
      guard let locator = facts.locators[row.message.key], states.contains(locator.state) else { continue }
      merged.append(
        HistoricMessage(
          locator: locator, tier: row.tier, original: try row.message.original,
          changes: changes[row.message.key] ?? []))
    }
    return merged
  }

  private func opened(
    _ rows: [AmendmentRow], _ contents: [MessageKey: [FoldedEdit.ID: [UInt8]]], tenant: TenantID
  ) async throws -> [MessageKey: [HistoricChange]] {
    let lanes = try await vault.lanes(Set(rows.map { $0.lane(tenant) }), creating: false)
    var changes: [MessageKey: [HistoricChange]] = [:]
    for row in rows {
      guard let lane = lanes[row.lane(tenant)] else { continue }
      // Without it the message itself cannot be read either.
      guard let sealed = row.isFolded ? contents[row.key]?[row.foldedID] : row.sealed else { continue }
      let bytes = try RowSeal.open(
        sealed, key: row.key, kind: row.kind.rawValue, version: row.version, lane: lane)
      changes[row.key, default: []].append(
        HistoricChange(
          kind: row.kind, author: row.author, version: row.version, at: row.at, removedAt: row.removedAt,
          payload: row.kind == .edit ? try MessagePayload(bytes: bytes) : nil,
          name: row.kind == .reaction ? String(decoding: bytes, as: UTF8.self) : nil))
    }
    return changes
  }
}

extension HotMessage {
  package func opened(_ lane: LaneKey) throws -> StoredMessage {
    StoredMessage(
      key: key, position: position, conversation: conversation, sender: sender,
      payload: try RowSeal.open(sealed, key: key, kind: 0, version: 0, lane: lane))
  }

  package func lane(_ tenant: TenantID) -> LaneID {
    LaneID(
      tenant: tenant, subject: sender, conversation: conversation,
      period: Period(containing: position.createdAt))
  }
}

extension AmendmentRow {
  package func lane(_ tenant: TenantID) -> LaneID {
    LaneID(tenant: tenant, subject: author, conversation: conversation, period: Period(containing: at))
  }
}
