/// What an erasure would do, and what stands in its way.
package struct ErasurePlan: Codable, Sendable {
  package struct Blocker: Codable, Sendable {
    package var hold: String
    package var messages: Int
  }
  /// Messages that a duty to keep them, a locked floor of retention, leaves.
  package struct Floor: Codable, Sendable {
    package var policy: String
    package var messages: Int
    /// When the last of them may go; absent: nobody knows yet.
    package var until: String?
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
  /// Readable parts of the audit log that name the person; absent in what older versions wrote.
  package var auditParts: Int?
  /// Holds that keep messages: these become restricted, the others go.
  package var blockedBy: [Blocker]
  /// Absent in what older versions wrote.
  package var floors: [Floor]?
  /// Messages that would stay for now, hidden.
  package var restricted: Int?
  /// What this version does not reach; said before anybody approves.
  package var notCovered: [String]
  package var dueAt: String
  /// Absent in what older versions wrote: a person.
  package var scope: String?

  enum CodingKeys: String, CodingKey {
    case id, changes, conversations, packages, floors, restricted, scope
    case subjectKnown = "subject_known"
    case hotMessages = "hot_messages"
    case coldMessages = "cold_messages"
    case setAside = "set_aside"
    case auditParts = "audit_parts"
    case blockedBy = "blocked_by"
    case notCovered = "not_covered"
    case dueAt = "due_at"
  }

  /// For readers who may not know of holds: that there are some.
  package var withoutHolds: ErasurePlan {
    var plan = self
    for index in plan.blockedBy.indices { plan.blockedBy[index].hold = "a legal hold" }
    return plan
  }

  package static let limits = [
    "what other people wrote about, to or quoting the person stays, as it is theirs",
    "exports written outside the home were handed over; their holders must be told",
    "audit entries stay, without what names the person in them; who acted in a role stays named",
    "set-aside input whose author could not be made out expires by itself",
    "dead tuples, write-ahead log and backups hold ciphertext until the backup window has passed",
  ]
}

extension ErasurePlan {
  /// Where less than a person is erased, nobody's own key can go.
  package static let scopedLimits = [
    "what other people wrote elsewhere about, to or quoting it stays, as it is theirs",
    "the author's key lives on: dead tuples, write-ahead log and backups can be opened with it until the backup "
      + "window has passed, unless the whole conversation goes and its key with it",
    "segments that are locked in an object store are rewritten once their lock has ended",
    "exports written outside the home were handed over; their holders must be told",
    "memberships stay: they tell who may read what is left",
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
  /// Readable parts of the audit log that named the person; absent in what older versions wrote.
  package var auditParts: Int?
  /// Searches the person kept; absent in what older versions wrote.
  package var searches: Int?
  /// Messages kept for holds and locked floors, hidden; absent in what older versions wrote.
  package var restricted: Int?
  package var indexGroups = 0
  package var keysDestroyed: [String] = []
  package var keyShardRotated = false

  package init() {}

  enum CodingKeys: String, CodingKey {
    case messages, changes, memberships, packages, names, searches, restricted
    case setAside = "set_aside"
    case auditParts = "audit_parts"
    case indexGroups = "index_groups"
    case keysDestroyed = "keys_destroyed"
    case keyShardRotated = "key_shard_rotated"
  }
}
