package import Model

/// A rule of a tenant about how long messages shall be kept (a floor) and when they shall go (a ceiling).
package struct Policy: Hashable, Sendable {
  package enum Scope: Hashable, Sendable {
    case tenant
    case conversationKind(ConversationUpsert.Kind)
    case conversation(ConversationID)
    /// Messages of one author.
    case subject(SubjectID)
    case label(String)

    package var level: Level {
      switch self {
      case .tenant: .tenant
      case .conversationKind, .conversation, .subject: .scoped
      case .label: .label
      }
    }
  }

  /// How explicitly a ceiling was meant for an item. The highest level present decides.
  package enum Level: Int, Sendable, Comparable {
    case tenant, scoped, label
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  /// What the lengths of a policy are counted from.
  package enum Clock: Hashable, Sendable {
    case created
    /// The last edit, or the creation of a message never edited.
    case lastEdited
    /// Has not started while the conversation is open: the floor has no end, the ceiling no date.
    case conversationClosed
    /// What somebody states of the conversation or the author by this name; not started until then.
    case event(String)
  }

  package var id: String
  package var name: String
  package var version: Int32
  package var scope: Scope
  /// `nil`: no floor.
  package var retainSeconds: Int64?
  /// `nil`: no ceiling.
  package var deleteAfterSeconds: Int64?
  package var clock: Clock
  /// May only be lengthened, and binds erasure too.
  package var locked: Bool
  /// Whether somebody decides about what is due, in place of its deletion.
  package var review: Bool
  /// In force from here until a higher version of the same id is.
  package var effectiveAt: Timestamp

  package init(
    id: String, name: String? = nil, version: Int32 = 1, scope: Scope = .tenant, retainSeconds: Int64? = nil,
    deleteAfterSeconds: Int64? = nil, clock: Clock = .created, locked: Bool = false,
    review: Bool = false, effectiveAt: Timestamp = .earliest
  ) {
    self.id = id
    self.name = name ?? id
    self.version = version
    self.scope = scope
    self.retainSeconds = retainSeconds
    self.deleteAfterSeconds = deleteAfterSeconds
    self.clock = clock
    self.locked = locked
    self.review = review
    self.effectiveAt = effectiveAt
  }
}

extension Policy {
  func matches(_ item: Item) -> Bool {
    switch scope {
    case .tenant: true
    case .conversationKind(let kind): item.kind == kind
    case .conversation(let conversation): item.conversation == conversation
    case .subject(let subject): item.sender == subject
    case .label(let label): item.labels.contains(label)
    }
  }

  /// When this policy's own ceiling would delete the item; `nil`: never, or not yet known.
  package func dueAt(_ item: Item) -> Timestamp? {
    guard let seconds = deleteAfterSeconds, let start = clockStart(item) else { return nil }
    return start.capped(adding: seconds).finite
  }

  /// `nil`: has not started.
  func clockStart(_ item: Item) -> Timestamp? {
    switch clock {
    case .created: item.createdAt
    case .lastEdited: item.editedAt ?? item.createdAt
    case .conversationClosed: item.closedAt
    case .event(let name): item.events[name]?.at
    }
  }
}

extension Sequence where Element == Policy {
  /// Of each id the highest version that is in force at `now`.
  package func inForce(at now: Timestamp) -> [Policy] {
    var chosen: [String: Policy] = [:]
    for policy in self where policy.effectiveAt <= now {
      if let other = chosen[policy.id], other.version >= policy.version { continue }
      chosen[policy.id] = policy
    }
    return chosen.values.sorted { $0.id < $1.id }
  }
}
