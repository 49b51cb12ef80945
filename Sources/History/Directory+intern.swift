import Postgres
package import Catalog
import KeyVault
package import Model
import Sodium

extension Directory {
  /// What interning gave: numbers for all ids but those of erased people.
  package struct Interned: Sendable {
    package var subjects: [String: SubjectID] = [:]
    package var conversations: [String: ConversationRow] = [:]
    /// Ids that were new or whose profile changed.
    package var changedSubjects: Set<String> = []
    package var changedConversations: Set<String> = []
  }

  /// Gives every id its number, making rows and keys for the new ones and refreshing profiles that changed.
  /// Subjects named in `erased` hashes of the ledger, or being erased, get no number.
  package func intern(
    subjects: [String: SubjectProfile], conversations: [String: ConversationDraft], at now: Timestamp
  ) async throws -> Interned {
    var interned = Interned()
    var unknown: [SubjectProfile] = []
    for (id, profile) in subjects {
      if let known = cachedSubject(id), known.profile.map({ $0.updated(with: profile) == $0 }) ?? false {
        interned.subjects[id] = known.id
      } else {
        unknown.append(profile)
      }
    }
    var unknownConversations: [ConversationDraft] = []
    for (id, draft) in conversations {
      if let known = cachedConversation(id), draft.changesNothing(known.row, known.profile) {
        interned.conversations[id] = known.row
      } else {
        unknownConversations.append(draft)
      }
    }
    try await internSubjects(unknown, at: now, into: &interned)
    try await internConversations(unknownConversations, at: now, into: &interned)
    return interned
  }

  private func internSubjects(_ profiles: [SubjectProfile], at now: Timestamp, into interned: inout Interned)
    async throws
  {
    guard !profiles.isEmpty else { return }
    let tenant = tenant.id
    let hashes = profiles.map { hasher.hash("subject", $0.id) }
    let (rows, erased) = try await database.transaction { tx in
      (
        try Subjects.find(hashes: hashes, tenant: tenant, in: tx),
        try ErasureLedger.contains(hashes: hashes, tenant: tenant, in: tx)
      )
    }
    let known = Dictionary(uniqueKeysWithValues: rows.map { ($0.hash, $0) })
    let new = zip(profiles, hashes).filter { known[$0.1] == nil && !erased.contains($0.1) }
      .map { (profile: $0.0, hash: $0.1, id: SubjectID(rawValue: Randomness.identifier())) }
    try await insert(new, at: now)
    let stored = try await storedRows(hashes: new.map(\.hash), known: rows)
    let keys = try await vault.keys(
      Set(stored.values.map { KeyOwner.subject(tenant, $0.id) }), creating: false)
    for (profile, hash) in zip(profiles, hashes) {
      guard let row = stored[hash], row.state != .erasing, let key = keys[.subject(tenant, row.id)] else {
        continue
      }
      let current = try SubjectProfile(bytes: ProfileSeal.open(row.sealed, owner: row.id.rawValue, key: key))
      let updated = current.updated(with: profile)
      if updated != current || new.contains(where: { $0.id == row.id }) {
        interned.changedSubjects.insert(profile.id)
      }
      if updated != current {
        let sealed = ProfileSeal.seal(updated.bytes, owner: row.id.rawValue, key: key)
        try await database.transaction { tx in
          try Subjects.update(row.id, sealed: sealed, state: .active, tenant: tenant, at: now, in: tx)
        }
      }
      remember(subject: profile.id, row.id, updated)
      remember(profile: updated, of: row.id)
      interned.subjects[profile.id] = row.id
    }
  }

  private func insert(
    _ new: [(profile: SubjectProfile, hash: [UInt8], id: SubjectID)], at now: Timestamp
  ) async throws {
    guard !new.isEmpty else { return }
    let tenant = tenant.id
    let keys = try await vault.keys(Set(new.map { KeyOwner.subject(tenant, $0.id) }), creating: true)
    let rows = new.compactMap { entry in
      keys[.subject(tenant, entry.id)].map {
        (entry.id, entry.hash, ProfileSeal.seal(entry.profile.bytes, owner: entry.id.rawValue, key: $0))
      }
    }
    try await database.transaction { tx in
      try Subjects.insert(rows, tenant: tenant, at: now, in: tx)
    }
  }

  private func storedRows(hashes: [[UInt8]], known: [SubjectRow]) async throws -> [[UInt8]: SubjectRow] {
    let tenant = tenant.id
    let new =
      hashes.isEmpty
      ? []
      : try await database.transaction { tx in
        try Subjects.find(hashes: hashes, tenant: tenant, in: tx)
      }
    return Dictionary((known + new).map { ($0.hash, $0) }) { first, _ in first }
  }

  private func internConversations(
    _ drafts: [ConversationDraft], at now: Timestamp, into interned: inout Interned
  ) async throws {
    guard !drafts.isEmpty else { return }
    let tenant = tenant.id
    let routes = drafts.map { hasher.route($0.profile.id) }
    let hashes = drafts.map { hasher.hash("conversation", $0.profile.id) }
    let find: @Sendable () async throws -> [[UInt8]: ConversationRow] = { [database] in
      let rows = try await database.transaction { tx in
        try Conversations.find(routes: routes, hashes: hashes, in: tx)
      }
      return Dictionary(rows.map { ($0.hash, $0) }) { first, _ in first }
    }
    var known = try await find()
    let new = drafts.indices.filter { known[hashes[$0]] == nil }
      .map { ($0, ConversationID(rawValue: Randomness.identifier())) }
    if !new.isEmpty {
      let keys = try await vault.keys(Set(new.map { KeyOwner.conversation(tenant, $0.1) }), creating: true)
      let rows = new.compactMap { index, id in
        keys[.conversation(tenant, id)].map {
          drafts[index].row(
            id: id, route: routes[index], hash: hashes[index],
            sealed: ProfileSeal.seal(drafts[index].profile.bytes, owner: id.rawValue, key: $0))
        }
      }
      try await database.transaction { tx in try Conversations.insert(rows, tenant: tenant, at: now, in: tx) }
      known = try await find()
    }
    let keys = try await vault.keys(
      Set(known.values.map { KeyOwner.conversation(tenant, $0.id) }), creating: false)
    for index in drafts.indices {
      guard var row = known[hashes[index]], let key = keys[.conversation(tenant, row.id)] else { continue }
      let draft = drafts[index].current(row)
      let current = try ConversationProfile(
        bytes: ProfileSeal.open(row.sealed, owner: row.id.rawValue, key: key))
      if new.contains(where: { $0.1 == row.id }) { interned.changedConversations.insert(draft.profile.id) }
      if !draft.changesNothing(row, current) {
        interned.changedConversations.insert(draft.profile.id)
        let profile = ConversationProfile(id: current.id, name: draft.profile.name ?? current.name)
        row = draft.merged(
          row, sealed: ProfileSeal.seal(profile.bytes, owner: row.id.rawValue, key: key))
        let updated = row
        try await database.transaction { tx in
          try Conversations.update(updated, tenant: tenant, at: now, in: tx)
        }
        forget(conversation: row.id)
        remember(conversation: draft.profile.id, row, profile)
      } else {
        remember(conversation: draft.profile.id, row, current)
      }
      interned.conversations[draft.profile.id] = row
    }
  }
}

/// A conversation to be known: from an event that describes it, or only named by a message.
package struct ConversationDraft: Sendable, Hashable {
  package var profile: ConversationProfile
  /// `nil` where the event did not say: a conversation first seen through a message is a group.
  package var described: ConversationUpsert?

  package init(_ profile: ConversationProfile, described: ConversationUpsert? = nil) {
    self.profile = profile
    self.described = described
  }

  /// Takes the description in, unless it is older than the one there is.
  package mutating func describe(_ upsert: ConversationUpsert) {
    guard !upsert.isOutdated(by: described?.at) else { return }
    described = upsert
    profile.name = upsert.name ?? profile.name
  }

  /// Without what is known from later times.
  func current(_ row: ConversationRow) -> ConversationDraft {
    guard let described, described.isOutdated(by: row.describedAt) else { return self }
    return ConversationDraft(ConversationProfile(id: profile.id))
  }

  func changesNothing(_ row: ConversationRow, _ known: ConversationProfile?) -> Bool {
    current(row).isSaid(by: row, known)
  }

  private func isSaid(by row: ConversationRow, _ known: ConversationProfile?) -> Bool {
    guard let known, profile.name == nil || profile.name == known.name else { return false }
    guard let described else { return true }
    guard described.at ?? .earliest <= row.describedAt ?? .earliest else { return false }
    return described.kind.number == row.kind && described.isPublic == row.isPublic
      && described.sealed == row.clientSealed && described.retentionDays == row.retentionDays
  }

  func row(id: ConversationID, route: RouteKey, hash: [UInt8], sealed: [UInt8]) -> ConversationRow {
    ConversationRow(
      id: id, route: route, hash: hash, kind: described?.kind.number ?? 2,
      isPublic: described?.isPublic ?? false,
      clientSealed: described?.sealed ?? false, retentionDays: described?.retentionDays, sealed: sealed)
  }

  func merged(_ row: ConversationRow, sealed: [UInt8]) -> ConversationRow {
    ConversationRow(
      id: row.id, route: row.route, hash: row.hash, kind: described?.kind.number ?? row.kind,
      isPublic: described?.isPublic ?? row.isPublic, clientSealed: described?.sealed ?? row.clientSealed,
      retentionDays: described == nil ? row.retentionDays : described?.retentionDays, sealed: sealed,
      closedAt: row.closedAt, describedAt: described?.at ?? row.describedAt)
  }
}
