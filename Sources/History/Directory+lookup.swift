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
    var known: [SubjectID: SubjectProfile] = [:]
    for id in ids { known[id] = cachedProfile(id) }
    let missing = ids.subtracting(known.keys)
    guard !missing.isEmpty else { return known }
    let tenant = tenant.id
    let rows = try await database.read { tx in
      try Subjects.find(Array(missing), tenant: tenant, in: tx)
    }
    let keys = try await vault.keys(Set(rows.map { KeyOwner.subject(tenant, $0.id) }), creating: false)
    for row in rows {
      guard let key = keys[.subject(tenant, row.id)] else { continue }
      let profile = try SubjectProfile(bytes: ProfileSeal.open(row.sealed, owner: row.id.rawValue, key: key))
      remember(profile: profile, of: row.id)
      known[row.id] = profile
    }
    return known
  }

  /// What the conversations are. One whose key is destroyed is missing from the answer.
  package func cards(_ ids: Set<ConversationID>) async throws -> [ConversationID: ConversationCard] {
    var known: [ConversationID: ConversationCard] = [:]
    for id in ids { known[id] = cachedCard(id) }
    let missing = ids.subtracting(known.keys)
    guard !missing.isEmpty else { return known }
    let tenant = tenant.id
    let rows = try await database.read { tx in
      try Conversations.find(Array(missing), tenant: tenant, in: tx)
    }
    return known.merging(try await cards(rows)) { old, _ in old }
  }

  package func cards(_ rows: [ConversationRow]) async throws -> [ConversationID: ConversationCard] {
    let keys = try await vault.keys(
      Set(rows.map { KeyOwner.conversation(tenant.id, $0.id) }), creating: false)
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
