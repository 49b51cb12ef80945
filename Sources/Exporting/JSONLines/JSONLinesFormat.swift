import Catalog
import Foundation
import History
import Model

/// `messages.jsonl`: the events that make the same history again.
final class JSONLinesFormat: PackageFormat {
  static let fileName = "messages.jsonl"
  /// What `ingest` takes, the line's end not counted.
  static let lineBytesMax = 1 << 20
  /// Announced people remembered; whoever is announced twice changes nothing when read in.
  private static let announcedMax = 100_000

  private let file: PackageFile
  private let warnings: PackageWarnings
  private var json = JSONWriter(reservingCapacity: 1 << 16)
  private var announced: Set<String> = []
  private var card: ConversationCard?

  init(_ draft: PackageDraft, path: String = fileName) throws {
    file = try draft.file(path)
    warnings = draft.warnings
  }

  func begin(_ card: ConversationCard) async throws {
    self.card = card
    json.conversationUpserted(card)
    try await write(lines: 1)
  }

  func add(_ members: [ExportedMember]) async throws {
    guard let card else { return }
    for member in members {
      try await announce(member.profile)
      json.membership(member, conversation: card.profile.id)
      try await write(lines: member.row.leftAt == nil ? 1 : 2)
    }
  }

  func add(_ message: ExportedMessage) async throws {
    guard let card else { return }
    let id = message.message.original.messageID
    try await announce(message.sender)
    json.messageCreated(message.message, sender: message.sender.id, conversation: card.profile.id)
    if json.bytes.count > Self.lineBytesMax + 1 { warnings.add(.longLine(message: id)) }
    file.messages += 1
    try await write(lines: 1)
    for (change, author) in message.changes {
      try await announce(author)
      json.change(change, by: author.id, message: id, conversation: card.profile.id)
      try await write(lines: json.bytes.isEmpty ? 0 : 1)
    }
  }

  var takesReceipts: Bool { true }

  func add(_ receipts: [ExportedReceipt]) async throws {
    guard let card else { return }
    for receipt in receipts {
      try await announce(receipt.profile)
      json.receipt(receipt, conversation: card.profile.id)
      try await write(lines: 1)
    }
  }

  func add(_ reactions: [ExportedReaction]) async throws {
    guard let card else { return }
    for reaction in reactions {
      json.change(
        reaction.change, by: reaction.by.id, message: reaction.message, conversation: card.profile.id)
      try await write(lines: 1)
    }
  }

  func end() async throws {
    if let card, let closed = card.closedAt {
      json.conversationClosed(card.profile.id, at: closed)
      try await write(lines: 1)
    }
    card = nil
  }

  func finish() async throws { try await file.close() }

  func save() throws -> Data? { try JSONEncoder().encode(announced.sorted()) }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    announced = Set(try JSONDecoder().decode([String].self, from: saved))
    self.card = card
  }

  private func announce(_ profile: SubjectProfile) async throws {
    if announced.count >= Self.announcedMax { announced.removeAll() }
    guard announced.insert(profile.id).inserted else { return }
    json.userUpserted(profile)
    if !profile.isActive { json.userDeactivated(profile) }
    try await write(lines: profile.isActive ? 1 : 2)
  }

  private func write(lines: Int) async throws {
    file.lines += lines
    try await file.write(json.bytes)
    json.removeAll()
  }
}
