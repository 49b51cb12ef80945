import Catalog
import History
import Model
import Postgres

/// Edits move into the segments of their messages: what a message's own author changed shares the author's lane, so
/// that it goes with the same keys. Edits by others and reactions stay in the catalogue: in the author's lane they
/// would go with the author's key, though who made them may have to be readable longer.
extension Archiver {
  /// Of one message; more stay in the catalogue.
  private static let foldedBytesMax = 1 << 20
  /// A night rewrites a month's segments for their edits when one in so many messages has one.
  private static let editShare = 50

  /// Whoever asks by hand, with the least width, gets every edit folded.
  func isWorthFolding(_ edits: Int, into segments: [SegmentRow], _ width: Int) -> Bool {
    guard edits > 0 else { return false }
    return width <= 2 || edits * Self.editShare >= Int(segments.reduce(0) { $0 + $1.messages })
  }

  /// The messages with their authors' edits beside them, and the edits that were not there before.
  func folding(_ messages: [StoredMessage], of block: BlockRow) async throws -> (
    messages: [StoredMessage], folded: [AmendmentRow]
  ) {
    let rows = try await ownEdits(of: messages, in: block)
    var folded: [AmendmentRow] = []
    let changed = try messages.map { message in
      let edits = rows[message.key] ?? []
      guard try !edits.isEmpty || MessagePayload.hasFolded(message.payload) else { return message }
      var payload = try MessagePayload(bytes: message.payload)
      let known = Dictionary(payload.folded.map { ($0.id, $0) }) { first, _ in first }
      payload.folded = []
      var room = Self.foldedBytesMax
      for row in edits {
        let id = FoldedEdit.ID(version: row.version, at: row.at)
        if row.isFolded {
          // What the catalogue does not name any more does not come along.
          if let edit = known[id] { payload.folded.append(edit) }
          continue
        }
        guard row.sealed.count <= room else { continue }
        room -= row.sealed.count
        payload.folded.append(FoldedEdit(version: row.version, at: row.at, sealed: row.sealed))
        folded.append(row)
      }
      return message.with(payload)
    }
    return (changed, folded)
  }

  /// The messages without edits beside them, and these as the catalogue has to have them.
  func unfolding(_ messages: [StoredMessage], of block: BlockRow) async throws -> (
    messages: [StoredMessage], unfolded: [AmendmentRow]
  ) {
    let rows = try await ownEdits(of: messages, in: block)
    var unfolded: [AmendmentRow] = []
    let changed = try messages.map { message in
      let edits = rows[message.key] ?? []
      guard try !edits.isEmpty || MessagePayload.hasFolded(message.payload) else { return message }
      let payload = try MessagePayload(bytes: message.payload)
      let known = Dictionary(payload.folded.map { ($0.id, $0.sealed) }) { first, _ in first }
      unfolded += edits.filter(\.isFolded).compactMap { row in
        known[FoldedEdit.ID(version: row.version, at: row.at)].map(row.sealed(as:))
      }
      return message.with(try message.original)
    }
    return (changed, unfolded)
  }

  private func ownEdits(of messages: [StoredMessage], in block: BlockRow) async throws
    -> [MessageKey: [AmendmentRow]]
  {
    let authors = Dictionary(messages.map { ($0.key, $0.sender) }) { first, _ in first }
    let places = authors.keys.map { (block.route, block.conversation, $0) }
    let rows = try await database.read { tx in try Amendments.find(places, in: tx) }
    return Dictionary(grouping: rows.filter { $0.kind == .edit && authors[$0.key] == $0.author }, by: \.key)
  }
}

extension StoredMessage {
  fileprivate func with(_ payload: MessagePayload) -> StoredMessage {
    StoredMessage(
      key: key, position: position, conversation: conversation, sender: sender, payload: payload.bytes)
  }
}

extension AmendmentRow {
  fileprivate func sealed(as sealed: [UInt8]) -> AmendmentRow {
    AmendmentRow(
      key: key, kind: kind, author: author, version: version, at: at, removedAt: removedAt, route: route,
      conversation: conversation, tokens: tokens, sealed: sealed)
  }
}
