package import Model

/// Copies for readers from whom something is kept.
extension HistoricMessage {
  /// The same message with other content, edits included.
  package func replacing(_ content: (MessagePayload) -> MessagePayload) -> HistoricMessage {
    HistoricMessage(
      locator: locator, tier: tier, original: content(original),
      changes: changes.map { change in
        HistoricChange(
          kind: change.kind, author: change.author, version: change.version, at: change.at,
          removedAt: change.removedAt, payload: change.payload.map(content), name: change.name)
      })
  }
}

extension ConversationCard {
  /// The same conversation under another name.
  package func called(_ profile: ConversationProfile) -> ConversationCard {
    ConversationCard(
      conversation: conversation, route: route, profile: profile, kind: kind, isPublic: isPublic,
      clientSealed: clientSealed, retentionDays: retentionDays, closedAt: closedAt)
  }
}
