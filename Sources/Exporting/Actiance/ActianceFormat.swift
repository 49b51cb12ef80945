import Catalog
import Foundation
import History
import Model
import Sodium

/// `actiance/actiance_export.xml`: the FileDump that Actiance (Smarsh) Vantage takes: conversations with everybody
/// who entered and left, every version of every message, and the transfers of files.
final class ActianceFormat: PackageFormat {
  private static let folder = "actiance"
  /// Of a conversation, who had entered is remembered up to this many.
  private static let enteredMax = 200_000

  private let context: FormatContext
  private let file: PackageFile
  private var xml = XMLText()
  private var card: ConversationCard?
  private var attendance = Attendance()
  private var entered: Set<String> = []
  private var late: [(SubjectProfile, Timestamp)] = []
  private var isOpen = false
  private var lastAt: Timestamp?

  init(_ context: FormatContext) async throws {
    self.context = context
    file = try context.draft.file(Self.folder + "/actiance_export.xml")
    guard file.isFresh else {
      xml = XMLText(depth: 1)
      return
    }
    xml.declaration()
    xml.open("FileDump", [("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")])
    try await flush()
  }

  func begin(_ card: ConversationCard) async throws {
    self.card = card
    (attendance, entered, late, isOpen, lastAt) = (Attendance(), [], [], false, nil)
  }

  func add(_ members: [ExportedMember]) async throws { attendance.add(members) }

  func add(_ message: ExportedMessage) async throws {
    try await open(at: message.sentAt)
    lastAt = message.sentAt
    for version in message.versions { enter(version.author, at: version.at) }
    if let deletion = message.deletion { enter(deletion.by, at: deletion.at) }
    versions(message)
    if let deletion = message.deletion { deleted(message, deletion) }
    for attachment in message.message.original.attachments { transfer(attachment, message) }
    file.messages += 1
    try await flush()
  }

  func end() async throws {
    guard let card else { return }
    try await open(at: nil)
    let last = [lastAt, context.from, attendance.spans.map(\.row.joinedAt).max()].compactMap { $0 }.max()
    let end = context.to ?? last ?? context.madeAt
    leave(by: end)
    time("EndTimeUTC", end)
    xml.close("Conversation")
    try await flush()
    if !attendance.isWhole { context.warnOfCrowd(.actiance, card, limit: Attendance.spansMax) }
    self.card = nil
  }

  func finish() async throws {
    xml.close("FileDump")
    try await flush()
    try await file.close()
  }

  /// Between conversations only: who has entered is in memory.
  func save() throws -> Data? { card == nil ? Data() : nil }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {}

  /// The conversation's head, once it is known when the period starts.
  private func open(at first: Timestamp?) async throws {
    guard let card, !isOpen else { return }
    isOpen = true
    let spans = attendance.spans.sorted {
      ($0.row.joinedAt, Self.login($0.profile)) < ($1.row.joinedAt, Self.login($1.profile))
    }
    let created = [first, spans.first?.row.joinedAt].compactMap { $0 }.min() ?? context.madeAt
    xml.open("Conversation", [("Perspective", card.title)])
    xml.element("RoomID", Self.room(card))
    time("StartTimeUTC", context.from.map { max($0, created) } ?? created)
    for span in spans where context.to.map({ span.row.joinedAt < $0 }) ?? true {
      if let left = span.row.leftAt, let from = context.from, left < from { continue }
      entered.insert(span.profile.id)
      participant("ParticipantEntered", span.profile, at: span.row.joinedAt)
    }
    try await flush()
  }

  /// Whoever writes without being a known member is named as a participant first.
  private func enter(_ profile: SubjectProfile, at time: Timestamp) {
    guard entered.count < Self.enteredMax, entered.insert(profile.id).inserted else { return }
    late.append((profile, time))
    participant("ParticipantEntered", profile, at: time)
  }

  /// Everybody is taken out at the end: at the time they left, or with the period.
  private func leave(by end: Timestamp) {
    var leaving: [(SubjectProfile, Timestamp)] = late.map { ($0.0, end) }
    for span in attendance.spans where entered.contains(span.profile.id) {
      leaving.append((span.profile, min(span.row.leftAt ?? end, end)))
    }
    for (profile, at) in leaving.sorted(by: { ($0.1, Self.login($0.0)) < ($1.1, Self.login($1.0)) }) {
      participant("ParticipantLeft", profile, at: at)
    }
  }

  private func versions(_ message: ExportedMessage) {
    let versions = message.versions
    for version in versions {
      let next = versions.dropFirst(version.number + 1).first
      xml.open("Message")
      xml.element("MessageId", Self.id(message.id, version.number))
      author(version.author)
      time("DateTimeUTC", version.number == 0 ? message.sentAt : version.at)
      if let next {
        xml.element("UpdatedType", "EditedOriginalMsg")
        time("UpdatedDateTimeUTC", next.at)
        xml.element("EditedNewMsgId", Self.id(message.id, next.number))
      } else if version.number > 0 {
        xml.element("UpdatedType", "EditedNewMsg")
        time("UpdatedDateTimeUTC", version.at)
      }
      xml.element("Content", Self.content(version.body))
      xml.close("Message")
    }
  }

  private func deleted(_ message: ExportedMessage, _ deletion: ExportedMark) {
    xml.open("Message")
    xml.element("MessageId", message.id)
    author(message.sender)
    time("DateTimeUTC", message.sentAt)
    xml.element("UpdatedType", "Deleted")
    time("UpdatedDateTimeUTC", deletion.at)
    xml.element("Content", "delete " + (message.versions.last.map { Self.content($0.body) } ?? ""))
    xml.close("Message")
  }

  /// The bytes of files are the platform's, not the archive's: a transfer is stated as failed, and why it is in the
  /// package's warnings.
  private func transfer(_ attachment: Attachment, _ message: ExportedMessage) {
    let name = attachment.name ?? attachment.id
    let path = "files/" + SafeName.make(MailAddress.atoms(message.id).prefix(40) + "", name)
    for element in ["FileTransferStarted", "FileTransferEnded"] {
      xml.open(element)
      xml.element("LoginName", Self.login(message.sender))
      time("DateTimeUTC", message.sentAt)
      xml.element("UserFileName", CleanText.line(name))
      xml.element("FileName", path)
      if element == "FileTransferEnded" { xml.element("Status", "Failed") }
      xml.close(element)
    }
  }

  // MARK: Parts

  private func participant(_ element: String, _ profile: SubjectProfile, at: Timestamp) {
    xml.open(element)
    author(profile)
    time("DateTimeUTC", at)
    xml.element("CorporateEmailID", profile.email)
    xml.close(element)
  }

  private func author(_ profile: SubjectProfile) {
    xml.element("LoginName", Self.login(profile))
    xml.element("UserType", "user")
  }

  /// Milliseconds since 1970, as the peers write them.
  private func time(_ element: String, _ time: Timestamp) {
    xml.element(element, String(time.microseconds / 1_000))
  }

  private static func login(_ profile: SubjectProfile) -> String {
    CleanText.line(profile.email ?? profile.id)
  }

  private static func id(_ message: String, _ version: Int) -> String {
    version == 0 ? message : "\(message)/v\(version)"
  }

  private static func room(_ card: ConversationCard) -> String {
    let kind = card.kind == .channel ? (card.isPublic ? "public" : "private") : card.kind.rawValue
    return CleanText.line(
      [kind, card.profile.name, card.profile.id].compactMap { $0 }.joined(separator: " - "))
  }

  /// A sealed body as what its holders need: key id and ciphertext.
  private static func content(_ body: MessageBody) -> String {
    switch body {
    case .plain(let text): text
    case .sealed(let sealed): "sealed key_id=\(sealed.keyID ?? "unknown") \(sealed.ciphertext.base64())"
    }
  }

  private func flush() async throws {
    file.lines += xml.bytes.count { $0 == 0x0A }
    try await file.write(xml.bytes)
    xml.removeAll()
  }
}
