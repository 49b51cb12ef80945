package import Governance
package import Model

/// A tenant's set of retention policies as people write it: `Schemas/retention/policy-set.schema.json`.
///
/// The same form, with numbers in the place of ids, is what the database keeps.
package struct PolicyDocument: Hashable, Sendable {
  package static let policiesMax = 1_000

  package struct Entry: Hashable, Sendable {
    /// Unique within the document; 1 to 64 of `A-Z a-z 0-9 . _ -` and spaces. It is stored and audited in the
    /// clear for ever, so it must not name a person.
    package var name: String
    package var scope: Scope
    /// Shall be kept so long; `nil`: no floor.
    package var retain: RetentionLength?
    /// Shall be gone after so long; `nil`: no ceiling.
    package var deleteAfter: RetentionLength?
    package var clock: Policy.Clock
    /// May only be lengthened from now on.
    package var locked: Bool
    /// Whether somebody decides about what is due.
    package var review: Bool

    package init(
      name: String, scope: Scope = .tenant, retain: RetentionLength? = nil,
      deleteAfter: RetentionLength? = nil,
      clock: Policy.Clock = .created, locked: Bool = false, review: Bool = false
    ) {
      self.name = name
      self.scope = scope
      self.retain = retain
      self.deleteAfter = deleteAfter
      self.clock = clock
      self.locked = locked
      self.review = review
    }
  }

  package enum Scope: Hashable, Sendable {
    case tenant
    case conversationKind(ConversationUpsert.Kind)
    /// The platform's id.
    case conversation(String)
    /// The platform's id of the author.
    case subject(String)
    /// What carries the label itself, or lies in a conversation that does and has none of its own.
    case label(String)
  }

  package var policies: [Entry]

  package init(policies: [Entry] = []) { self.policies = policies }

  /// Platform's ids of the conversations that scopes name.
  package var conversations: Set<String> {
    Set(policies.compactMap { if case .conversation(let id) = $0.scope { id } else { nil } })
  }

  /// Platform's ids of the subjects that scopes name.
  package var subjects: Set<String> {
    Set(policies.compactMap { if case .subject(let id) = $0.scope { id } else { nil } })
  }
}
