import Archive
import Blocking
import Catalog
import Foundation
import History
import Model
import Sodium

/// `rsmf/`: Relativity's short message format 2.0, a file per conversation and day in UTC, longer days split.
final class RSMFFormat: PackageFormat {
  private let context: FormatContext
  private var folders = FolderNames(prefix: "c")
  private var folder = ""
  private var card: ConversationCard?
  private var attendance = Attendance()
  private var slicer = DaySlicer()

  init(_ context: FormatContext) { self.context = context }

  func begin(_ card: ConversationCard) async throws {
    self.card = card
    folder = "rsmf/" + folders.next(card.title)
    (attendance, slicer) = (Attendance(), DaySlicer())
  }

  func add(_ members: [ExportedMember]) async throws { attendance.add(members) }

  func add(_ message: ExportedMessage) async throws {
    if let slice = slicer.add(message) { try await write(slice) }
  }

  func end() async throws {
    if let slice = slicer.end() { try await write(slice) }
    card = nil
  }

  func finish() async throws {}

  /// Between conversations only: the day that is open is in memory.
  func save() throws -> Data? { card == nil ? try JSONEncoder().encode(folders) : nil }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    folders = try JSONDecoder().decode(FolderNames.self, from: saved)
  }

  private func write(_ slice: DaySlice) async throws {
    guard let card else { return }
    let file = try context.draft.file("\(folder)/\(slice.name).rsmf")
    file.messages = slice.messages.count
    let manifest = RSMFManifest(card: card, attendance: attendance, slice: slice, exportID: context.exportID)
    if manifest.isCrowded { context.warnOfCrowd(.rsmf, card, limit: RSMFManifest.participantsMax) }
    try await file.write(try container(manifest, card, slice))
    try await file.close()
  }

  /// An Internet message: the text for searches, and `rsmf.zip` with the manifest and the sealed bodies.
  private func container(_ manifest: RSMFManifest, _ card: ConversationCard, _ slice: DaySlice) throws
    -> [UInt8]
  {
    let zip = try ZipWriter.archive(
      [("rsmf_manifest.json", manifest.bytes)] + manifest.files,
      modified: slice.start.microseconds / 1_000_000)
    var mail = MailText()
    mail.line("X-RSMF-Version: 2.0.0")
    mail.line("X-RSMF-Generator: Muniment")
    mail.line("X-RSMF-BeginDate: \(slice.messages.first?.sentAt.rfc3339 ?? slice.start.rfc3339)")
    mail.line("X-RSMF-EndDate: \(slice.messages.last?.sentAt.rfc3339 ?? slice.end.rfc3339)")
    mail.line("X-RSMF-EventCount: \(manifest.eventCount)")
    mail.line("X-RSMF-AttachmentCount: \(manifest.files.count)")
    mail.line("X-RSMF-EventCollectionID: \(manifest.collection)")
    mail.header(
      "X-RSMF-Participants",
      text: manifest.participants.map { CleanText.line($0.name) }.joined(separator: ", "))
    mail.header("Subject", words: MailText.words("\(card.title) \(slice.date)"))
    mail.header("From", words: ["<noreply@\(MailAddress(tenant: context.tenant).host)>"])
    mail.header("Date", words: [(slice.messages.first?.sentAt ?? slice.start).mailDate])
    mail.line("MIME-Version: 1.0")
    let boundary = "=_" + manifest.collection
    mail.line("Content-Type: multipart/mixed; boundary=\"\(boundary)\"")
    mail.line()
    mail.line("--\(boundary)")
    mail.text(manifest.text)
    mail.line("--\(boundary)")
    mail.attachment(SealedParts.Part(name: "rsmf.zip", type: "application/zip", content: zip))
    mail.line("--\(boundary)--")
    return mail.bytes
  }
}
