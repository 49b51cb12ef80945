import Postgres
package import Catalog
import KeyVault
package import Model
import Sodium

extension Directory {
  /// The number of a subject by the platform's id, or `nil` if nobody of that id is known.
  package func subject(_ id: String) async throws -> SubjectID? {
    if let known = cachedSubject(id) { return known.id }
    let hash = hasher.hash("subject", id)
    let tenant = tenant.id
    return try await database.read { tx in
      try Subjects.find(hashes: [hash], tenant: tenant, in: tx).first { $0.state != .erasing }?.id
    }
  }

  /// The conversation of the platform's id, or `nil`.
  package func conversation(_ id: String) async throws -> ConversationCard? {
    try await conversations([id])[id]
  }

  /// Those of the conversations that are known, by the platform's ids; one look for all of them.
  package func conversations(_ ids: Set<String>) async throws -> [String: ConversationCard] {
    guard !ids.isEmpty else { return [:] }
    let places = ids.map { (route: hasher.route($0), hash: hasher.hash("conversation", $0)) }
    let rows = try await database.read { tx in
      try Conversations.find(routes: places.map(\.route), hashes: places.map(\.hash), in: tx)
    }
    let cards = try await cards(rows).values.map { ($0.profile.id, $0) }
    return Dictionary(cards) { first, _ in first }
  }

  /// Who the subjects are. A subject whose key is destroyed is missing from the answer.
  package func profiles(_ ids: Set<SubjectID>) async throws -> [SubjectID: SubjectProfile] {
    try await names(ids, []).profiles
  }

  /// What the conversations are. One whose key is destroyed is missing from the answer.
  package func cards(_ ids: Set<ConversationID>) async throws -> [ConversationID: ConversationCard] {
    try await names([], ids).cards
  }

  package func cards(_ rows: [ConversationRow]) async throws -> [ConversationID: ConversationCard] {
    try opened(rows, try await vault.keys(owners(of: rows), creating: false))
  }

  /// As ``profiles(_:)`` and ``cards(_:)-(Set<ConversationID>)``, of both together: those that are not known yet are
  /// looked up in one visit.
  package func names(_ people: Set<SubjectID>, _ conversations: Set<ConversationID>) async throws -> (
    profiles: [SubjectID: SubjectProfile], cards: [ConversationID: ConversationCard]
  ) {
    let (profiles, cards) = known(people, conversations)
    let strangers = people.subtracting(profiles.keys).sorted()
    let unknown = conversations.subtracting(cards.keys).sorted()
    guard !strangers.isEmpty || !unknown.isEmpty else { return (profiles, cards) }
    let tenant = tenant.id
    let (subjects, rows) = try await database.read { tx in
      (
        strangers.isEmpty ? [] : try Subjects.find(strangers, tenant: tenant, in: tx),
        unknown.isEmpty ? [] : try Conversations.find(unknown, tenant: tenant, in: tx)
      )
    }
    let owners = owners(of: rows).union(subjects.map { KeyOwner.subject(tenant, $0.id) })
    let keys = try await vault.keys(owners, creating: false)
    return (
      profiles.merging(try opened(subjects, keys)) { old, _ in old },
      cards.merging(try opened(rows, keys)) { old, _ in old }
    )
  }

  private func known(_ people: Set<SubjectID>, _ conversations: Set<ConversationID>) -> (
    profiles: [SubjectID: SubjectProfile], cards: [ConversationID: ConversationCard]
  ) {
    var (profiles, cards): ([SubjectID: SubjectProfile], [ConversationID: ConversationCard]) = ([:], [:])
    for id in people { profiles[id] = cachedProfile(id) }
    for id in conversations { cards[id] = cachedCard(id) }
    return (profiles, cards)
  }

  private func owners(of rows: [ConversationRow]) -> Set<KeyOwner> {
    Set(rows.map { KeyOwner.conversation(tenant.id, $0.id) })
  }

  private func opened(_ rows: [SubjectRow], _ keys: [KeyOwner: SecretBytes]) throws -> [SubjectID:
    SubjectProfile]
  {
    var profiles: [SubjectID: SubjectProfile] = [:]
    for row in rows {
      guard let key = keys[.subject(tenant.id, row.id)] else { continue }
      let profile = try SubjectProfile(bytes: ProfileSeal.open(row.sealed, owner: row.id.rawValue, key: key))
      remember(profile: profile, of: row.id)
      profiles[row.id] = profile
    }
    return profiles
  }

  private func opened(_ rows: [ConversationRow], _ keys: [KeyOwner: SecretBytes]) throws -> [ConversationID:
    ConversationCard]
  {
    var cards: [ConversationID: ConversationCard] = [:]
    for row in rows {
      guard let key = keys[.conversation(tenant.id, row.id)] else { continue }
      let card = ConversationCard(
        conversation: row.id, route: row.route,
        profile: try ConversationProfile(
          bytes: ProfileSeal.open(row.sealed, owner: row.id.rawValue, key: key)),
        kind: .init(row.kind), isPublic: row.isPublic, clientSealed: row.clientSealed,
        retentionDays: row.retentionDays, closedAt: row.closedAt)
      remember(card: card)
      cards[row.id] = card
    }
    return cards
  }
}

extension ConversationUpsert.Kind {
  package init(_ number: Int16) {
    self = number == 1 ? .direct : number == 2 ? .group : .channel
  }

  package var number: Int16 {
    switch self {
    case .direct: 1
    case .group: 2
    case .channel: 3
    }
  }
}
