package import Catalog
package import Model

package enum Tier: String, Sendable { case hot, cold }

/// A change to a message, opened.
package struct HistoricChange: Sendable, Hashable {
  package let kind: AmendmentRow.Kind
  package let author: SubjectID
  package let version: Int64
  package let at: Timestamp
  package let removedAt: Timestamp?
  /// Of an edit: the message as it was from then on.
  package let payload: MessagePayload?
  /// Of a reaction: its name.
  package let name: String?
}

/// A message as a reader may have it: from either tier, with its later changes merged in.
package struct HistoricMessage: Sendable, Hashable {
  package let locator: Locator
  package let tier: Tier
  /// As it was sent.
  package let original: MessagePayload
  /// Readable changes in order of time; changes whose author was erased are missing.
  package let changes: [HistoricChange]

  package var position: MessagePosition { locator.position }
  package var sender: SubjectID { locator.sender }
  package var conversation: ConversationID { locator.conversation }

  /// As it reads now: the newest edit, or the original.
  package var payload: MessagePayload {
    guard let edit = newestEdit?.payload else { return original }
    var payload = original
    payload.replaceText(with: edit)
    return payload
  }
  package var newestEdit: HistoricChange? {
    changes.filter { $0.kind == .edit }.max { ($0.version, $0.at) < ($1.version, $1.at) }
  }
  package var reactions: [HistoricChange] { changes.filter { $0.kind == .reaction && $0.removedAt == nil } }
}
