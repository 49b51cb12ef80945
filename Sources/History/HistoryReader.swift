package import Catalog
package import KeyVault
package import Model
package import Postgres

/// Reads messages wherever they lie. What is hidden (deleted, expired, erased, restricted) does not come back
/// unless asked for by state; a message whose author's, conversation's or period's key is destroyed cannot.
package struct HistoryReader: Sendable {
  package let database: PostgresPool
  package let vault: KeyVault
  package let archive: ArchiveReader

  package init(database: PostgresPool, vault: KeyVault, archive: ArchiveReader) {
    self.database = database
    self.vault = vault
    self.archive = archive
  }

  /// Rows of one conversation strictly between two positions, from both tiers, without the merge of changes.
  package struct Span: Sendable {
    package var conversation: ConversationID
    package var route: RouteKey
    package var tenant: TenantID
    package var after: MessagePosition
    package var before: MessagePosition
    package var ascending: Bool

    package init(
      conversation: ConversationID, route: RouteKey, tenant: TenantID, after: MessagePosition = .start,
      before: MessagePosition = .end, ascending: Bool = false
    ) {
      self.conversation = conversation
      self.route = route
      self.tenant = tenant
      self.after = after
      self.before = before
      self.ascending = ascending
    }
  }

  /// Up to `limit` readable messages of the span, in its order.
  package func page(_ span: Span, limit: Int, states: Set<Locator.State> = [.live]) async throws
    -> [HistoricMessage]
  {
    try await page(span, limit: limit, states: states) { _, error in throw error }
  }

  /// - Parameter failed: decides about a block that could not be read: throws, or has the rest go on without it.
  func page(
    _ span: Span, limit: Int, states: Set<Locator.State>, failed: (BlockRow, any Error) throws -> Void
  ) async throws -> [HistoricMessage] {
    var found: [HistoricMessage] = []
    var rest = span
    while found.count < limit {
      let batch = try await stored(
        rest, wanted: limit - found.count, preserved: states.contains(.restricted), failed: failed)
      found += try await merged(batch.rows, tenant: span.tenant, states: states)
      guard let reached = batch.reached else { break }
      if span.ascending { rest.after = reached } else { rest.before = reached }
    }
    return Array(found.prefix(limit))
  }

  /// The messages at the given places; those that are not readable any more are missing.
  package func messages(_ places: [MessagePlace], states: Set<Locator.State> = [.live]) async throws
    -> [HistoricMessage]
  {
    guard let tenant = places.first?.tenant else { return [] }
    return try await messages(at: places, lanes: [], tenant: tenant, states: states)
  }

  struct TieredMessage: Sendable {
    let message: StoredMessage
    let tier: Tier
  }

  struct Batch: Sendable {
    var rows: [TieredMessage]
    /// How far the batch is complete; `nil` when it reaches the end of the span.
    var reached: MessagePosition?

    /// - Parameter horizons: how far each of the places looked at was read, of those that may have more.
    init(_ found: some Collection<TieredMessage>, ascending: Bool, _ horizons: [MessagePosition]) {
      let reached = ascending ? horizons.min() : horizons.max()
      // A block's start is its own message's position, which must still come with the next batch.
      let inside = found.filter { row in
        guard let reached else { return true }
        return ascending ? row.message.position <= reached : row.message.position >= reached
      }
      rows = inside.sorted {
        ascending ? $0.message.position < $1.message.position : $0.message.position > $1.message.position
      }
      self.reached = reached
    }
  }
}

extension MessagePosition {
  package static let start = MessagePosition(createdAt: .earliest, sequence: 0)
  package static let end = MessagePosition(createdAt: .latest, sequence: .max)
}
