import Catalog
import Foundation
import History
import Model
import Sodium

/// `VOL001/`: a document per message in the layout review platforms load: `DATA/loadfile.dat` (Concordance) and
/// `DATA/loadfile.opt` (Opticon), text, natives (the message as mail) and a slip sheet as the image of each.
final class ConcordanceFormat: PackageFormat {
  static let columns = [
    "BEGDOC", "ENDDOC", "CUSTODIAN", "RECORDTYPE", "CONVERSATIONID", "CONVERSATIONNAME", "CHANNELTYPE",
    "THREADID", "REPLYTO", "PARTICIPANTS", "FROM", "SUBJECT", "DATESENT", "TIMESENT", "TIMEZONE",
    "DATELASTMOD", "EDITED", "DELETED", "MESSAGEID", "VERSIONS", "REACTIONS", "ATTACHMENTS",
    "HASATTACHMENTS", "FILENAME", "FILEEXT", "FILESIZE", "MIMETYPE", "SHA256HASH", "HOLDS", "SEALED",
    "KEYID", "TEXTPATH", "NATIVEPATH", "PAGECOUNT", "PRODVOL",
  ]
  private static let volume = "VOL001"
  private static let filesPerFolder = 1_000
  private static let participantsMax = 200

  private let context: FormatContext
  private let data: PackageFile
  private let images: PackageFile
  private let prefix: String
  private var rows = LoadFile()
  private var documents = 0
  private var composer: MailComposer?
  private var isCrowded = false

  init(_ context: FormatContext) async throws {
    self.context = context
    prefix = Self.prefix(context.tenant)
    data = try context.draft.file(Self.volume + "/DATA/loadfile.dat")
    images = try context.draft.file(Self.volume + "/DATA/loadfile.opt")
    guard data.isFresh else { return }
    rows.row(Self.columns)
    data.lines += 1
    try await data.write(LoadFile.byteOrderMark + rows.bytes)
    rows.removeAll()
  }

  func begin(_ card: ConversationCard) async throws {
    composer = MailComposer(tenant: context.tenant, card: card, lineEnd: [0x0D, 0x0A])
    isCrowded = false
  }

  func add(_ members: [ExportedMember]) async throws { composer?.attendance.add(members) }

  func add(_ message: ExportedMessage) async throws {
    guard let composer else { return }
    documents += 1
    // The natives name fewer than the load file.
    if !isCrowded, composer.isCrowded(at: message.sentAt) {
      isCrowded = true
      context.warnOfCrowd(.dat, composer.card, limit: MailComposer.recipientsMax)
    }
    let id = "\(prefix)\(FolderNames.padded(documents, 9))"
    let folder = FolderNames.padded((documents - 1) / Self.filesPerFolder + 1, 4)
    let native = message.versions.last.map { composer.compose(message, $0) } ?? []
    let paths = ["TEXT/\(folder)/\(id).txt", "NATIVES/\(folder)/\(id).eml", "IMAGES/\(folder)/\(id).tif"]
    try await write(Array(text(message).utf8), to: paths[0])
    try await write(native, to: paths[1])
    for version in message.versions.dropLast() {
      let bytes = composer.compose(message, version)
      try await write(bytes, to: "NATIVES/\(folder)/\(id)-v\(version.number).eml")
    }
    try await write(SlipSheet.tiff(id), to: paths[2])
    let document = Document(id: id, text: paths[0], native: paths[1], bytes: native)
    rows.row(values(message, composer, document))
    data.messages += 1
    data.lines += 1
    try await data.write(rows.bytes)
    rows.removeAll()
    images.lines += 1
    try await images.write(
      Array("\(id),\(Self.volume),\(paths[2].replacing("/", with: "\\")),Y,,,1\r\n".utf8))
  }

  func end() async throws { composer = nil }

  func save() throws -> Data? { try JSONEncoder().encode(documents) }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    documents = try JSONDecoder().decode(Int.self, from: saved)
    composer = card.map { MailComposer(tenant: context.tenant, card: $0, lineEnd: [0x0D, 0x0A]) }
  }

  func recall(_ members: [ExportedMember]) { composer?.attendance.add(members) }

  func finish() async throws {
    try await data.close()
    try await images.close()
  }

  /// What document numbers begin with: the tenant's letters and digits, as far as the slip sheets can draw them.
  private static func prefix(_ tenant: String) -> String {
    let letters = tenant.uppercased().unicodeScalars.filter {
      ("A"..."Z").contains($0) || ("0"..."9").contains($0)
    }
    return letters.isEmpty ? "DOC" : String(String.UnicodeScalarView(letters.prefix(12)))
  }

  private func write(_ bytes: [UInt8], to path: String) async throws {
    let file = try context.draft.file(Self.volume + "/" + path)
    try await file.write(bytes)
    try await file.close()
  }

  private struct Document {
    let id: String
    let text: String
    let native: String
    let bytes: [UInt8]
  }

  private func values(_ message: ExportedMessage, _ composer: MailComposer, _ document: Document) -> [String]
  {
    let (card, payload, versions) = (composer.card, message.message.original, message.versions)
    let sent = message.sentAt.rfc3339
    let sealed = versions.last?.body.sealed
    let present = composer.attendance.present(at: message.sentAt, limit: Self.participantsMax)
    return [
      document.id, document.id, message.sender.name, "CHAT", card.profile.id, card.title,
      card.kind.rawValue, payload.threadID ?? "", payload.replyTo ?? "",
      present.map(Self.list) ?? "", Self.person(message.sender),
      CleanText.line(
        sealed == nil ? String((versions.last?.body.readableText ?? "").prefix(80)) : "sealed message"),
      String(sent.prefix(10)), String(sent.dropFirst(11).prefix(8)), "UTC",
      (message.deletion?.at ?? versions.last?.at ?? message.sentAt).rfc3339,
      versions.count > 1 ? "Y" : "N", message.deletion.map { $0.at.rfc3339 } ?? "N", message.id,
      String(versions.count), message.reactions.map { "\($0.name) \($0.by.id)" }.joined(separator: ";"),
      payload.attachments.map { $0.summary.replacing(";", with: ",") }.joined(separator: ";"),
      payload.attachments.isEmpty ? "N" : "Y", document.id + ".eml", "eml", String(document.bytes.count),
      "message/rfc822", SHA256.hash(document.bytes).hex,
      message.message.locator.state == .restricted ? "Y" : "", sealed == nil ? "N" : "Y", sealed?.keyID ?? "",
      document.text.replacing("/", with: "\\"), document.native.replacing("/", with: "\\"), "1", Self.volume,
    ]
  }

  /// Every version, so that a search in the review platform finds what was edited away.
  private func text(_ message: ExportedMessage) -> String {
    var parts = message.versions.map { version in
      let head = version.number == 0 ? "sent" : "edited"
      return "\(head) \(version.at.rfc3339) by \(version.author.name)\r\n\(version.body.readableText)"
    }
    if let deletion = message.deletion {
      parts.append("deleted \(deletion.at.rfc3339) by \(deletion.by.name)")
    }
    return parts.joined(separator: "\r\n\r\n") + "\r\n"
  }

  private static func person(_ profile: SubjectProfile) -> String {
    (profile.displayName.map { "\($0) " } ?? "") + "<\(profile.email ?? profile.id)>"
  }

  private static func list(_ people: [SubjectProfile]) -> String {
    people.map { person($0).replacing(";", with: ",") }.joined(separator: ";")
  }
}
