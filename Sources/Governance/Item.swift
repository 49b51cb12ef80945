package import Model

/// The facts about one message that rules ask for. The caller collects them; nothing here reads a store.
package struct Item: Sendable {
  /// An event of the message's conversation or author.
  package struct Occurrence: Hashable, Sendable {
    /// Of both the later one; `nil`: it was withdrawn.
    package var at: Timestamp?
    /// Until then nothing is deleted for its sake, as it may have been stated by mistake.
    package var settlesAt: Timestamp

    package init(at: Timestamp?, settlesAt: Timestamp) {
      self.at = at
      self.settlesAt = settlesAt
    }
  }

  package var tenant: TenantID
  package var conversation: ConversationID
  package var kind: ConversationUpsert.Kind
  package var sender: SubjectID
  package var createdAt: Timestamp
  package var editedAt: Timestamp?
  /// The conversation's own wish: a ceiling at the level of scoped policies.
  package var conversationRetentionDays: Int32?
  package var labels: Set<String>
  /// Until then nothing is deleted, as the labels were changed lately; `nil`: they never were.
  package var labelsSettleAt: Timestamp?
  package var closedAt: Timestamp?
  /// By name.
  package var events: [String: Occurrence]
  /// Whether a subject was a member of the conversation when this was sent. Must not throw away doubt: answer
  /// `true` when it cannot be known.
  package var wasMember: @Sendable (SubjectID) -> Bool

  package init(
    tenant: TenantID, conversation: ConversationID, kind: ConversationUpsert.Kind, sender: SubjectID,
    createdAt: Timestamp, editedAt: Timestamp? = nil, conversationRetentionDays: Int32? = nil,
    labels: Set<String> = [], labelsSettleAt: Timestamp? = nil, closedAt: Timestamp? = nil,
    events: [String: Occurrence] = [:], wasMember: @escaping @Sendable (SubjectID) -> Bool
  ) {
    self.tenant = tenant
    self.conversation = conversation
    self.kind = kind
    self.sender = sender
    self.createdAt = createdAt
    self.editedAt = editedAt
    self.conversationRetentionDays = conversationRetentionDays
    self.labels = labels
    self.labelsSettleAt = labelsSettleAt
    self.closedAt = closedAt
    self.events = events
    self.wasMember = wasMember
  }
}
