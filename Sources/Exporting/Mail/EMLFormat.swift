import Catalog
import Foundation
import History
import Model

/// `eml/`: a folder per conversation and month, a file per message and version.
final class EMLFormat: PackageFormat {
  private static let crlf: [UInt8] = [0x0D, 0x0A]
  private let context: FormatContext
  private var composer: MailComposer?
  private var folders = FolderNames(prefix: "c")
  private var folder = ""
  private var ordinal = 0
  private var isCrowded = false

  init(_ context: FormatContext) { self.context = context }

  func begin(_ card: ConversationCard) async throws {
    composer = MailComposer(tenant: context.tenant, card: card, lineEnd: Self.crlf)
    folder = "eml/" + folders.next(card.title)
    ordinal = 0
    isCrowded = false
  }

  func add(_ members: [ExportedMember]) async throws { composer?.attendance.add(members) }

  func add(_ message: ExportedMessage) async throws {
    guard let composer else { return }
    ordinal += 1
    if !isCrowded, composer.isCrowded(at: message.sentAt) {
      isCrowded = true
      context.warnOfCrowd(.eml, composer.card, limit: MailComposer.recipientsMax)
    }
    let month = message.sentAt.rfc3339.prefix(7)
    for version in message.versions {
      let suffix = version.number == 0 ? "" : "-v\(version.number)"
      let file = try context.draft.file("\(folder)/\(month)/m\(FolderNames.padded(ordinal, 8))\(suffix).eml")
      if version.number == 0 { file.messages = 1 }
      try await file.write(composer.compose(message, version))
      try await file.close()
    }
  }

  func end() async throws { composer = nil }
  func finish() async throws {}

  private struct Saved: Codable {
    let folders: FolderNames
    let folder: String
    let ordinal: Int
  }

  func save() throws -> Data? {
    try JSONEncoder().encode(Saved(folders: folders, folder: folder, ordinal: ordinal))
  }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    let saved = try JSONDecoder().decode(Saved.self, from: saved)
    (folders, folder, ordinal) = (saved.folders, saved.folder, saved.ordinal)
    composer = card.map { MailComposer(tenant: context.tenant, card: $0, lineEnd: Self.crlf) }
  }

  func recall(_ members: [ExportedMember]) { composer?.attendance.add(members) }
}

/// `mbox/`: a mailbox per conversation, the versions of a message one after the other.
final class MboxFormat: PackageFormat {
  private let context: FormatContext
  private var composer: MailComposer?
  private var folders = FolderNames(prefix: "c")
  private var file: PackageFile?
  private var isCrowded = false

  init(_ context: FormatContext) { self.context = context }

  func begin(_ card: ConversationCard) async throws {
    composer = MailComposer(tenant: context.tenant, card: card, lineEnd: [0x0A])
    isCrowded = false
    file = try context.draft.file("mbox/" + folders.next(card.title) + ".mbox")
  }

  func add(_ members: [ExportedMember]) async throws { composer?.attendance.add(members) }

  func add(_ message: ExportedMessage) async throws {
    guard let composer, let file else { return }
    if !isCrowded, composer.isCrowded(at: message.sentAt) {
      isCrowded = true
      context.warnOfCrowd(.mbox, composer.card, limit: MailComposer.recipientsMax)
    }
    file.messages += 1
    for version in message.versions {
      let sender = composer.address.address(version.author)
      let mail = composer.compose(message, version)
      try await file.write(Array("From \(sender) \(version.at.asctime)\n".utf8) + mail + [0x0A])
      file.lines += 2 + mail.count { $0 == 0x0A }
    }
  }

  func end() async throws {
    try await file?.close()
    (composer, file) = (nil, nil)
  }

  func finish() async throws {}

  private struct Saved: Codable {
    let folders: FolderNames
    let file: String?
  }

  func save() throws -> Data? { try JSONEncoder().encode(Saved(folders: folders, file: file?.name)) }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    let saved = try JSONDecoder().decode(Saved.self, from: saved)
    folders = saved.folders
    composer = card.map { MailComposer(tenant: context.tenant, card: $0, lineEnd: [0x0A]) }
    file = try saved.file.map(context.draft.file)
  }

  func recall(_ members: [ExportedMember]) { composer?.attendance.add(members) }
}

/// Names of folders for conversations, in the order in which they are written.
struct FolderNames: Codable {
  let prefix: String
  private var ordinal = 0

  init(prefix: String) { self.prefix = prefix }

  mutating func next(_ title: String) -> String {
    ordinal += 1
    return SafeName.make(prefix + Self.padded(ordinal, 6), title)
  }

  static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
