import Catalog
import Foundation
import History
import Model

/// `dsar/`: what is held on one person, for that person (GDPR Art. 15 and 20): `data.jsonl` for machines, pages to
/// read, and a text that says what they are.
final class DSARFormat: PackageFormat {
  static let folder = "dsar"
  static let dataName = folder + "/data.jsonl"

  private let draft: PackageDraft
  private let others: ThirdParties
  private let parts: [any PackageFormat]
  private var isWithin = false

  init(_ context: FormatContext) async throws {
    guard let person = context.person else { throw Self.needsPerson }
    draft = context.draft
    others = ThirdParties(except: person.subject, person.profile)
    parts = [
      try JSONLinesFormat(draft, path: Self.dataName),
      try await HTMLFormat(draft, folder: Self.folder + "/pages"),
    ]
  }

  /// Refuses what would tell a person about others, or about a case against them.
  static func check(_ formats: Set<ExportFormat>, _ selection: ExportSelection) throws {
    guard formats.contains(.dsar) else { return }
    guard selection.subject != nil else { throw needsPerson }
    guard formats == [.dsar], selection.hold == nil, selection.messages == nil else {
      throw ExportError(
        .badSelection, "dsar is made by itself and by subject: other formats, holds and queries name others")
    }
  }

  private static let needsPerson = ExportError(
    .badSelection, "dsar is of one person who is known; name the subject")

  var takesReceipts: Bool { true }

  func begin(_ card: ConversationCard) async throws {
    isWithin = true
    let card = others.card(card)
    for part in parts { try await part.begin(card) }
  }

  func add(_ members: [ExportedMember]) async throws {
    let members = others.members(members)
    guard !members.isEmpty else { return }
    for part in parts { try await part.add(members) }
  }

  func add(_ message: ExportedMessage) async throws {
    let message = others.message(message)
    for part in parts { try await part.add(message) }
  }

  func add(_ receipts: [ExportedReceipt]) async throws {
    let receipts = others.receipts(receipts)
    for part in parts where part.takesReceipts && !receipts.isEmpty { try await part.add(receipts) }
  }

  /// Whose message it was stays untold; its id is told, as that of a message they answered is.
  func add(_ reactions: [ExportedReaction]) async throws {
    for part in parts { try await part.add(reactions) }
  }

  func end() async throws {
    isWithin = false
    for part in parts { try await part.end() }
  }

  func finish() async throws {
    for part in parts { try await part.finish() }
    try await draft.write(
      Array(Self.about(others: others.count).utf8), to: Self.folder + "/about.txt", listed: true)
  }

  private struct Saved: Codable {
    let others: ThirdParties.Numbers
    let parts: [Data]
  }

  /// Between conversations only, as its pages are small.
  func save() throws -> Data? {
    guard !isWithin else { return nil }
    let parts = try parts.compactMap { try $0.save() }
    return try JSONEncoder().encode(Saved(others: others.numbers, parts: parts))
  }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    let saved = try JSONDecoder().decode(Saved.self, from: saved)
    others.numbers = saved.others
    for (part, saved) in zip(parts, saved.parts) { try await part.restore(saved, in: nil) }
  }

  private static func about(others: Int) -> String {
    """
    What is held on you in the archive of this service (GDPR Art. 15), in a form other services can read (Art. 20).

    pages/index.html   to read: your conversations, when you were in them, what you wrote, with every version of it
    data.jsonl         the same for machines, one event a line: who you are, your memberships, messages, edits,
                       reactions to your messages, yours to others', and how far you have read
    policies.json      the rules of this service on how long messages are kept that apply to yours
    audit.json         what this service noted of what was done about you, such as exports and requests to erase

    The words you wrote are whole. Other people (\(others)) stand as person-1, person-2 and so on, the same person
    under the same number; direct conversations as direct-1, direct-2 and so on; groups and channels under their names.
    Not inside: what others wrote, the bytes of attachments, and the words the service's search
    was given for your messages. What only your own devices can open is here as it was sealed.

    """
  }
}
