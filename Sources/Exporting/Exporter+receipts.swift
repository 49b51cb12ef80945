import Catalog
import History
import Model
import Postgres

/// How far somebody was served or has read, as a package names it.
struct ExportedReceipt: Sendable {
  let row: ReceiptRow
  let profile: SubjectProfile
  /// The platform's id.
  let upTo: String
}

extension Exporter {
  private static let pageReceipts = 1_000

  /// Receipts up to messages that are inside; those up to others would say nothing, or too much.
  func receipts(of card: ConversationCard, _ writing: ExportWriting) async throws {
    guard writing.formats.contains(where: \.takesReceipts) else { return }
    let picked = writing.selection.messages.map { Set($0.map(\.key)) }
    var cursor: ReceiptRow?
    while true {
      let after = cursor
      let rows = try await database.transaction { tx in
        try Exports.receipts(
          route: card.route, conversation: card.conversation, after: after, limit: Self.pageReceipts, in: tx)
      }
      guard let last = rows.last else { return }
      cursor = last
      let receipts = try await named(rows, card, picked, writing)
      for format in writing.formats where !receipts.isEmpty { try await format.add(receipts) }
    }
  }

  private func named(
    _ rows: [ReceiptRow], _ card: ConversationCard, _ picked: Set<MessageKey>?, _ writing: ExportWriting
  ) async throws -> [ExportedReceipt] {
    let selection = writing.selection
    // A person is told how far they have read, whoever wrote the message.
    var readable = selection
    if writing.person != nil { readable.subject = nil }
    let isAdmitted = readable.admits
    let rows = rows.filter {
      (selection.subject ?? $0.subject) == $0.subject && (picked?.contains($0.upTo) ?? true)
    }
    let keys = Set(rows.map(\.upTo))
    let located = try await database.transaction { tx in try Locators.find(Array(keys), in: tx) }
      .values.filter {
        $0.conversation == card.conversation
          && (isAdmitted($0) || selection.context.contains($0.key))
      }
    let held = try await held(located, by: selection.hold) { $0.key }
    // Those up to a message that cannot be read would name what is not inside.
    let messages = try await history.readable(held.map(\.place), states: selection.states).messages
    let ids = Dictionary(
      messages.map { ($0.locator.key, $0.original.messageID) }, uniquingKeysWith: { first, _ in first })
    let profiles = try await profiles(Set(rows.map(\.subject)), writing)
    let receipts = rows.compactMap { row -> ExportedReceipt? in
      guard let profile = profiles[row.subject], let id = ids[row.upTo] else { return nil }
      return ExportedReceipt(row: row, profile: profile, upTo: id)
    }
    try await note(Set(receipts.map(\.row.subject)), writing)
    return receipts
  }
}
