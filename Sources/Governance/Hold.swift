package import Model

/// A legal hold, evaluated as a rule: what it covers is decided anew for each message, so later messages that
/// match are held as they arrive. An empty list, or no bound, means any.
package struct Hold: Hashable, Sendable {
  package var id: Int64
  package var matter: String
  package var custodians: [SubjectID]
  package var conversations: [ConversationID]
  /// Sending times: from the first on, before the second.
  package var from: Timestamp?
  package var to: Timestamp?
  /// Not to be mentioned to those it concerns.
  package var silent: Bool
  package var releasedAt: Timestamp?

  package init(
    id: Int64, matter: String, custodians: [SubjectID] = [], conversations: [ConversationID] = [],
    from: Timestamp? = nil, to: Timestamp? = nil, silent: Bool = false, releasedAt: Timestamp? = nil
  ) {
    self.id = id
    self.matter = matter
    self.custodians = custodians
    self.conversations = conversations
    self.from = from
    self.to = to
    self.silent = silent
    self.releasedAt = releasedAt
  }

  package func isActive(at now: Timestamp) -> Bool { releasedAt.map { now < $0 } ?? true }

  /// Whether the item is within the hold, active or not. A custodian's item is one the custodian wrote, or
  /// could see when it was sent.
  package func matches(_ item: Item) -> Bool {
    guard conversations.isEmpty || conversations.contains(item.conversation) else { return false }
    guard from.map({ $0 <= item.createdAt }) ?? true, to.map({ item.createdAt < $0 }) ?? true else {
      return false
    }
    return custodians.isEmpty || custodians.contains { $0 == item.sender || item.wasMember($0) }
  }
}
