package import Catalog
import KeyVault
package import Model
import Postgres

extension HistoryReader {
  /// Opens copies; those whose matter key is destroyed are missing. Of a message with several, one is as good as
  /// another.
  package func opened(_ copies: [PreservedCopy], tenant: TenantID) async throws -> [(
    copy: PreservedCopy, message: PreservedMessage
  )] {
    guard !copies.isEmpty else { return [] }
    let owners = Set(copies.map { KeyOwner.matter(tenant, $0.preservation) })
    let keys = try await vault.keys(owners, creating: false)
    return try copies.compactMap { copy in
      guard let key = keys[.matter(tenant, copy.preservation)] else { return nil }
      return (copy, try PreservedMessage(copy, under: key))
    }
  }

  /// Messages of erased people that holds and floors keep, as rows of the hot tier. Whoever reads them asked for what
  /// is restricted.
  func rows(of copies: [PreservedCopy], tenant: TenantID) async throws -> [TieredMessage] {
    guard !copies.isEmpty else { return [] }
    let locators = try await database.read { tx in try Locators.find(copies.map(\.key), in: tx) }
    return try await opened(copies, tenant: tenant).compactMap { copy, message in
      guard let payload = message.payload, let locator = locators[copy.key] else { return nil }
      return TieredMessage(
        message: StoredMessage(
          key: copy.key, position: copy.position, conversation: copy.conversation, sender: locator.sender,
          payload: payload), tier: .hot)
    }
  }

  /// What erased people did to the messages, where it is kept.
  func keptChanges(of keys: [MessageKey], tenant: TenantID) async throws -> [MessageKey: [HistoricChange]] {
    let copies = try await database.read { tx in try Preservations.copies(of: keys, in: tx) }
    var kept: [MessageKey: Set<HistoricChange>] = [:]
    for (copy, message) in try await opened(copies, tenant: tenant) {
      kept[copy.key, default: []].formUnion(message.changes)
    }
    return kept.mapValues { $0.sorted { ($0.at, $0.version) < ($1.at, $1.version) } }
  }
}
