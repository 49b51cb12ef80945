package import Catalog
package import KeyVault
package import Model
package import Postgres
import Sodium

/// A message that went, for clients to drop their copies of.
package struct DeletionNotice: Sendable, Hashable {
  package let sequence: Int64
  package let conversation: String
  /// `nil`: it could not be read any more; conversation and time have to do.
  package let message: String?
  package let createdAt: Timestamp
  package let deletedAt: Timestamp
}

/// Tells clients what was deleted: flows write notices in the transaction that deletes. The platform's ids are known
/// only from what is being deleted, so they are read before.
package struct DeletionNotices: Sendable {
  let directory: Directory
  let history: HistoryReader

  package init(directory: Directory, history: HistoryReader) {
    self.directory = directory
    self.history = history
  }

  /// The platform's ids of a message; without the message's own, it could not be read.
  package struct Name: Sendable, Hashable {
    let conversation: String
    let message: String?

    package init(conversation: String, message: String?) {
      self.conversation = conversation
      self.message = message
    }
  }

  /// What notices of messages need before their transaction.
  package struct Draft: Sendable {
    package var names: [MessageKey: Name]
    let tenant: TenantID
    let day: Int32
    let key: SecretBytes
    let vault: KeyVault
  }

  /// Of messages that are visible now; those that were hidden before have had their notice.
  package func draft(of locators: [Locator], at now: Timestamp) async throws -> Draft {
    var draft = try await draft(names: [:], at: now)
    let visible = locators.filter { $0.state == .live }
    let cards = try await directory.cards(Set(visible.map(\.conversation)))
    let ids = try await messageIDs(of: visible)
    for locator in visible {
      guard let card = cards[locator.conversation] else { continue }
      draft.names[locator.key] = Name(conversation: card.profile.id, message: ids[locator.key])
    }
    return draft
  }

  package func draft(names: [MessageKey: Name], at now: Timestamp) async throws -> Draft {
    let (tenant, day) = (directory.tenant.id, Self.day(of: now))
    let owner = Self.owner(tenant, day)
    guard let key = try await history.vault.keys([owner], creating: true)[owner] else {
      throw CatalogError(.staleDirectory, "the key of today's deletion notices could not be made")
    }
    return Draft(names: names, tenant: tenant, day: day, key: key, vault: history.vault)
  }

  /// A block that cannot be read keeps nothing from being deleted.
  private func messageIDs(of locators: [Locator]) async throws -> [MessageKey: String] {
    do {
      let found = try await history.messages(locators.map(\.place))
      return Dictionary(found.map { ($0.locator.key, $0.original.messageID) }) { first, _ in first }
    } catch let error as PostgresError {
      throw error
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      return [:]
    }
  }

  static func day(of time: Timestamp) -> Int32 { Int32(time.microseconds / 86_400_000_000) }

  /// A key of requests' kind, of a number that no request has.
  static func owner(_ tenant: TenantID, _ day: Int32) -> KeyOwner {
    .request(tenant, Int64.min + Int64(day))
  }

  /// Keys of days, for whoever ends them.
  package static func owners(_ tenant: TenantID, days: [Int32]) -> [KeyOwner] {
    days.map { owner(tenant, $0) }
  }

  /// Up to `limit` notices after `sequence`, in order.
  package func read(after sequence: Int64, limit: Int) async throws -> [DeletionNotice] {
    let tenant = directory.tenant.id
    let rows = try await history.database.read { tx in
      try DeletionOutbox.read(tenant: tenant, after: sequence, limit: min(limit, 100), in: tx)
    }
    let keys = try await history.vault.keys(Set(rows.map { Self.owner(tenant, $0.day) }), creating: false)
    var notices: [DeletionNotice] = []
    for row in rows {
      guard notices.count < limit, let key = keys[Self.owner(tenant, row.day)] else { break }
      notices += try Self.open(row, tenant: tenant, key: key).filter { $0.sequence > sequence }
    }
    return Array(notices.prefix(limit))
  }
}

extension DeletionNotices.Draft {
  /// Writes one row for the messages that have a name here, in their order.
  package func store(
    _ deleted: [Locator], erased: Bool, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    let named = deleted.compactMap { locator in names[locator.key].map { (locator, $0) } }
    guard !named.isEmpty else { return }
    guard try vault.alive([DeletionNotices.owner(tenant, day)], in: tx) else {
      throw CatalogError(.staleDirectory, "the key of the day's deletion notices was destroyed")
    }
    let first = try DeletionOutbox.reserve(named.count, tenant: tenant, day: day, at: now, in: tx)
    var writer = ByteWriter()
    for (locator, name) in named {
      writer.text(name.conversation)
      writer.byte(name.message == nil ? 0 : 1)
      if let message = name.message { writer.text(message) }
      writer.fixed(locator.position.createdAt.microseconds)
    }
    let sealed = AEAD.seal(
      writer.bytes, key: key, additional: DeletionNotices.additional(tenant, first))
    try DeletionOutbox.insert(
      DeletionNoticeRow(
        first: first, last: first + Int64(named.count) - 1, at: now, day: day, sealed: sealed),
      tenant: tenant, senders: Set(named.map(\.0.sender)), erased: erased, in: tx)
  }
}

extension DeletionNotices {
  fileprivate static func additional(_ tenant: TenantID, _ first: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw("deletion-notice1".utf8)
    writer.fixed(tenant.rawValue)
    writer.fixed(first)
    return writer.bytes
  }

  private static func open(_ row: DeletionNoticeRow, tenant: TenantID, key: SecretBytes) throws
    -> [DeletionNotice]
  {
    var reader = ByteReader(
      try AEAD.open(row.sealed, key: key, additional: additional(tenant, row.first)))
    return try (row.first...row.last).map { sequence in
      let conversation = try reader.text()
      let message = try reader.byte() == 1 ? try reader.text() : nil
      return DeletionNotice(
        sequence: sequence, conversation: conversation, message: message,
        createdAt: Timestamp(microseconds: try reader.fixed()), deletedAt: row.at)
    }
  }
}
