/// What an erasure would do, and what stands in its way.
package struct ErasurePlan: Codable, Sendable {
  package struct Blocker: Codable, Sendable {
    package var hold: String
    package var messages: Int
  }

  package var id: String
  package var subjectKnown: Bool
  /// Counts by store.
  package var hotMessages: Int
  package var coldMessages: Int
  package var changes: Int
  package var conversations: Int
  package var setAside: Int
  package var packages: Int
  package var blockedBy: [Blocker]
  /// What this version does not reach; said before anybody approves.
  package var notCovered: [String]
  package var dueAt: String

  enum CodingKeys: String, CodingKey {
    case id, changes, conversations, packages
    case subjectKnown = "subject_known"
    case hotMessages = "hot_messages"
    case coldMessages = "cold_messages"
    case setAside = "set_aside"
    case blockedBy = "blocked_by"
    case notCovered = "not_covered"
    case dueAt = "due_at"
  }

  package static let limits = [
    "what other people wrote about, to or quoting the person stays, as it is theirs",
    "exports written outside the home were handed over; their holders must be told",
    "set-aside input whose author could not be made out expires by itself",
    "dead tuples, write-ahead log and backups hold ciphertext until the backup window has passed",
  ]
}

/// How far a run has come, by store; kept with the request so that a run that was killed goes on.
package struct ErasureSteps: Codable, Sendable {
  package var messages = 0
  package var changes = 0
  package var memberships = 0
  package var setAside = 0
  package var packages = 0
  /// Tokens the person was found by in the directory; absent in what older versions wrote.
  package var names: Int?
  /// Searches the person kept; absent in what older versions wrote.
  package var searches: Int?
  package var indexGroups = 0
  package var keysDestroyed: [String] = []
  package var keyShardRotated = false

  package init() {}

  enum CodingKeys: String, CodingKey {
    case messages, changes, memberships, packages, names, searches
    case setAside = "set_aside"
    case indexGroups = "index_groups"
    case keysDestroyed = "keys_destroyed"
    case keyShardRotated = "key_shard_rotated"
  }
}
