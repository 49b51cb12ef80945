package import Catalog
package import KeyVault
package import Model
package import Postgres
import Sodium
import Synchronization

/// Tells the platform's ids from the house's numbers, for one tenant, and the other way round.
///
/// Looking up goes by keyed hash; the readable form is opened with the owner's key, so that it is gone with it.
package final class Directory: Sendable {
  package let tenant: Tenant
  let database: PostgresPool
  let vault: KeyVault
  package let hasher: TenantHasher
  private let cache = Mutex(Cache())

  /// Entries a cache may hold before it starts anew.
  private static let cacheEntriesMax = 300_000

  fileprivate struct Cache {
    var subjects: [String: (id: SubjectID, profile: SubjectProfile?)] = [:]
    var conversations: [String: (row: ConversationRow, profile: ConversationProfile?)] = [:]
    var profiles: [SubjectID: SubjectProfile] = [:]
    var names: [SubjectID: SubjectTokens.Names] = [:]
    var cards: [ConversationID: ConversationCard] = [:]
  }

  package init(tenant: Tenant, database: PostgresPool, vault: KeyVault) {
    self.tenant = tenant
    self.database = database
    self.vault = vault
    self.hasher = vault.hasher(tenant.id)
  }

  /// Forgets what it knows; used when a transaction found it out of date.
  package func invalidate() { cache.withLock { $0 = Cache() } }

  func cachedSubject(_ id: String) -> (id: SubjectID, profile: SubjectProfile?)? {
    cache.withLock { $0.subjects[id] }
  }

  func cachedConversation(_ id: String) -> (row: ConversationRow, profile: ConversationProfile?)? {
    cache.withLock { $0.conversations[id] }
  }

  func cachedProfile(_ id: SubjectID) -> SubjectProfile? { cache.withLock { $0.profiles[id] } }

  func cachedCard(_ id: ConversationID) -> ConversationCard? { cache.withLock { $0.cards[id] } }

  func remember(subject id: String, _ number: SubjectID, _ profile: SubjectProfile?) {
    cache.withLock {
      if $0.subjects.count >= Self.cacheEntriesMax { $0.subjects = [:] }
      $0.subjects[id] = (number, profile)
    }
  }

  func remember(conversation id: String, _ row: ConversationRow, _ profile: ConversationProfile?) {
    cache.withLock {
      if $0.conversations.count >= Self.cacheEntriesMax { $0.conversations = [:] }
      $0.conversations[id] = (row, profile)
    }
  }

  func remember(profile: SubjectProfile, of id: SubjectID) {
    cache.withLock {
      if $0.profiles.count >= Self.cacheEntriesMax { $0.profiles = [:] }
      $0.profiles[id] = profile
    }
  }

  /// Whether these are the tokens the person was last given by whoever uses this directory.
  package func knows(names: SubjectTokens.Names, of id: SubjectID) -> Bool {
    cache.withLock { $0.names[id] == names }
  }

  package func remember(names: SubjectTokens.Names, of id: SubjectID) {
    cache.withLock {
      if $0.names.count >= Self.namesMax { $0.names = [:] }
      $0.names[id] = names
    }
  }

  private static let namesMax = 20_000

  func remember(card: ConversationCard) {
    cache.withLock {
      if $0.cards.count >= Self.cacheEntriesMax { $0.cards = [:] }
      $0.cards[card.conversation] = card
    }
  }

  func forget(conversation: ConversationID) { cache.withLock { $0.cards[conversation] = nil } }
}

/// A conversation as its readers see it.
package struct ConversationCard: Sendable, Hashable {
  package let conversation: ConversationID
  package let route: RouteKey
  package let profile: ConversationProfile
  package let kind: ConversationUpsert.Kind
  package let isPublic: Bool
  package let clientSealed: Bool
  package let retentionDays: Int32?
  package let closedAt: Timestamp?
}
