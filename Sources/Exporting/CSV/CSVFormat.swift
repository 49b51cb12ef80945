import Catalog
import Foundation
import History
import Model
import Sodium

/// `csv/`: messages with their history, conversations and members, each one table. UTF-8 with a byte order mark,
/// without which spreadsheets take it for something else.
final class CSVFormat: PackageFormat {
  static let messageColumns = [
    "record", "time", "conversation_id", "conversation_name", "message_id", "version", "person_id",
    "person_name", "person_email", "thread_id", "reply_to", "text", "reaction", "sealed", "key_id",
    "ciphertext_base64", "attachments", "mentions", "state",
  ]
  static let conversationColumns = ["conversation_id", "name", "kind", "visibility", "closed_at", "messages"]
  static let memberColumns = [
    "conversation_id", "person_id", "person_name", "person_email", "role", "joined_at", "sees_from",
    "left_at",
  ]
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private let messages: PackageFile
  private let conversations: PackageFile
  private let members: PackageFile
  private var csv = CSVRow()
  private var card: ConversationCard?
  private var count = 0

  init(_ draft: PackageDraft) async throws {
    messages = try draft.file("csv/messages.csv")
    conversations = try draft.file("csv/conversations.csv")
    members = try draft.file("csv/members.csv")
    for (file, columns) in [
      (messages, Self.messageColumns), (conversations, Self.conversationColumns),
      (members, Self.memberColumns),
    ] where file.isFresh {
      try await file.write(Self.mark)
      try await row(columns, to: file)
    }
  }

  func begin(_ card: ConversationCard) async throws {
    self.card = card
    count = 0
  }

  func add(_ members: [ExportedMember]) async throws {
    guard let card else { return }
    for member in members {
      try await row(
        [
          card.profile.id, member.profile.id, member.profile.displayName, member.profile.email,
          member.row.role, member.row.joinedAt.rfc3339, member.row.visibleFrom.rfc3339,
          member.row.leftAt?.rfc3339,
        ], to: self.members)
    }
  }

  func add(_ message: ExportedMessage) async throws {
    count += 1
    messages.messages += 1
    for version in message.versions {
      try await write(version.number == 0 ? "message" : "edit", message, version)
    }
    for (change, author) in message.changes where change.kind != .edit {
      try await write(change, by: author, message)
    }
  }

  func end() async throws {
    guard let card else { return }
    try await row(
      [
        card.profile.id, card.profile.name, card.kind.rawValue, card.isPublic ? "public" : "private",
        card.closedAt?.rfc3339, String(count),
      ], to: conversations)
    self.card = nil
  }

  func finish() async throws {
    for file in [messages, conversations, members] { try await file.close() }
  }

  func save() throws -> Data? { try JSONEncoder().encode(count) }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    count = try JSONDecoder().decode(Int.self, from: saved)
    self.card = card
  }

  private func write(_ record: String, _ message: ExportedMessage, _ version: ExportedVersion) async throws {
    let payload = message.message.original
    let sealed = version.body.sealed
    let text: String? = if case .plain(let text) = version.body { text } else { nil }
    try await row(
      start(record, version.at, message, version.author, version: version.number) + [
        payload.threadID, payload.replyTo, text, nil, sealed == nil ? "no" : "yes", sealed?.keyID,
        sealed?.ciphertext.base64(),
        version.number == 0 ? payload.attachments.map(\.summary).joined(separator: "; ") : nil,
        version.number == 0 ? payload.mentions.joined(separator: "; ") : nil,
        message.message.locator.state.name,
      ], to: messages)
  }

  private func write(_ change: HistoricChange, by author: SubjectProfile, _ message: ExportedMessage)
    async throws
  {
    let record =
      switch change.kind {
      case .edit, .deletion: "deletion"
      case .reaction: change.removedAt == nil ? "reaction" : "reaction_removed"
      }
    try await row(
      start(record, change.removedAt ?? change.at, message, author, version: nil) + [
        nil, nil, nil, change.name, nil, nil, nil, nil, nil, nil,
      ], to: messages)
  }

  private func start(
    _ record: String, _ at: Timestamp, _ message: ExportedMessage, _ author: SubjectProfile, version: Int?
  ) -> [String?] {
    [
      record, at.rfc3339, card?.profile.id, card?.profile.name, message.id, version.map(String.init),
      author.id, author.displayName, author.email,
    ]
  }

  private func row(_ cells: [String?], to file: PackageFile) async throws {
    csv.row(cells)
    file.lines += csv.bytes.count { $0 == 0x0A }
    try await file.write(csv.bytes)
    csv.removeAll()
  }
}

extension Attachment {
  /// Its description on one line: name, type, size and hash, as far as they are known.
  var summary: String {
    let parts = [
      mimeType, size.map { "\($0) bytes" }, sha256.map { "SHA-256 \($0)" }, "id \(id)",
    ].compactMap { $0 }
    return CleanText.line("\(name ?? id) (\(parts.joined(separator: ", ")))")
  }
}
