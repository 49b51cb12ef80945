package import Model

/// A message as the index holds it: terms that find it, and what decides who may see it.
package struct IndexDocument: Sendable {
  /// Of its group's feed, 1 to 2^31 - 1; what the document is called by.
  package var sequence: Int64
  package var conversation: ConversationID
  package var sender: SubjectID
  package var createdAt: Timestamp
  /// In any order, repeats allowed. The terms of conversation and sender are added if they are missing.
  package var terms: [[UInt8]]
  /// Words in text order, for phrases; also found as plain terms.
  package var positioned: [[UInt8]]

  package init(
    sequence: Int64, conversation: ConversationID, sender: SubjectID, createdAt: Timestamp, terms: [[UInt8]],
    positioned: [[UInt8]] = []
  ) {
    self.sequence = sequence
    self.conversation = conversation
    self.sender = sender
    self.createdAt = createdAt
    self.terms = terms
    self.positioned = positioned
  }
}

package enum IndexOperation: Sendable {
  /// Adds the document or takes the place of the one with its sequence.
  case put(IndexDocument)
  /// Takes the document out; one that is not there is no error.
  case delete(sequence: Int64)
}
