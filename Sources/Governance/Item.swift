package import Model

/// The facts about one message that rules ask for. The caller collects them; nothing here reads a store.
package struct Item: Sendable {
  package var tenant: TenantID
  package var conversation: ConversationID
  package var kind: ConversationUpsert.Kind
  package var sender: SubjectID
  package var createdAt: Timestamp
  package var editedAt: Timestamp?
  /// The conversation's own wish: a ceiling at the level of scoped policies.
  package var conversationRetentionDays: Int32?
  package var labels: Set<String>
  package var closedAt: Timestamp?
  /// Whether a subject was a member of the conversation when this was sent. Must not throw away doubt: answer
  /// `true` when it cannot be known.
  package var wasMember: @Sendable (SubjectID) -> Bool

  package init(
    tenant: TenantID, conversation: ConversationID, kind: ConversationUpsert.Kind, sender: SubjectID,
    createdAt: Timestamp, editedAt: Timestamp? = nil, conversationRetentionDays: Int32? = nil,
    labels: Set<String> = [], closedAt: Timestamp? = nil,
    wasMember: @escaping @Sendable (SubjectID) -> Bool
  ) {
    self.tenant = tenant
    self.conversation = conversation
    self.kind = kind
    self.sender = sender
    self.createdAt = createdAt
    self.editedAt = editedAt
    self.conversationRetentionDays = conversationRetentionDays
    self.labels = labels
    self.closedAt = closedAt
    self.wasMember = wasMember
  }
}
