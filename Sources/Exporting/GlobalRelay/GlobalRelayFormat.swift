import Catalog
import Foundation
import History
import Model
import Sodium

/// `globalrelay/`: a mail per conversation and day as Global Relay's archive takes them; long days are split.
final class GlobalRelayFormat: PackageFormat {
  /// What the archive calls the system the mails come from; agreed upon with it.
  private static let system = "Muniment"
  private static let recipientsMax = 1_000

  private let context: FormatContext
  private let address: MailAddress
  private var folders = FolderNames(prefix: "c")
  private var folder = ""
  private var card: ConversationCard?
  private var attendance = Attendance()
  private var slicer = DaySlicer()

  init(_ context: FormatContext) {
    self.context = context
    address = MailAddress(tenant: context.tenant)
  }

  func begin(_ card: ConversationCard) async throws {
    self.card = card
    folder = "globalrelay/" + folders.next(card.title)
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
    let file = try context.draft.file("\(folder)/\(slice.name).eml")
    file.messages = slice.messages.count
    try await file.write(mail(card, slice))
    try await file.close()
  }

  private func mail(_ card: ConversationCard, _ slice: DaySlice) -> [UInt8] {
    let people = participants(slice)
    if people.count > Self.recipientsMax || !attendance.isWhole {
      context.warnOfCrowd(.globalrelay, card, limit: Self.recipientsMax)
    }
    var mail = MailText()
    mail.header("From", words: people.first.map { address.mailbox($0.profile) } ?? [])
    var words: [String] = []
    for (index, person) in people.prefix(Self.recipientsMax).enumerated() {
      var mailbox = address.mailbox(person.profile)
      if index + 1 < min(people.count, Self.recipientsMax) { mailbox[mailbox.count - 1] += "," }
      words += mailbox
    }
    mail.header("To", words: words)
    mail.header(
      "Subject", words: MailText.words("\(Self.system) Compliance Export: \(card.title)"))
    mail.header("Date", words: [slice.end.mailDate])
    mail.header("Message-ID", words: [address.messageID(slice.name, conversation: card.profile.id)])
    headers(card, slice, &mail)
    mail.line("MIME-Version: 1.0")
    let boundary = "=_" + SHA256.hash(Array("\(card.profile.id)\u{0}\(slice.name)".utf8)).hex.prefix(32)
    mail.line("Content-Type: multipart/mixed; boundary=\"\(boundary)\"")
    mail.line()
    mail.line("--\(boundary)")
    mail.line("Content-Type: multipart/alternative; boundary=\"\(boundary)a\"")
    mail.line()
    mail.line("--\(boundary)a")
    mail.text(text(card, slice))
    mail.line("--\(boundary)a")
    let page = GlobalRelayPage(card: card, slice: slice, participants: people, madeAt: context.madeAt)
    mail.text(page.html, type: "text/html")
    mail.line("--\(boundary)a--")
    for part in sealedParts(slice) {
      mail.line("--\(boundary)")
      mail.attachment(part)
    }
    mail.line("--\(boundary)--")
    return mail.bytes
  }

  private func headers(_ card: ConversationCard, _ slice: DaySlice, _ mail: inout MailText) {
    mail.line("Auto-Submitted: auto-generated")
    mail.line("Precedence: bulk")
    mail.line("X-GlobalRelay-MsgType: \(Self.system)")
    mail.header("X-\(Self.system)-ChannelName", text: card.title)
    mail.header("X-\(Self.system)-ChannelID", text: card.profile.id)
    mail.header("X-\(Self.system)-ChannelType", text: card.kind.rawValue)
    mail.header("X-\(Self.system)-Messages", text: String(slice.messages.count))
  }

  /// Those who wrote, and the members of that day, each with their number of messages.
  private func participants(_ slice: DaySlice) -> [GlobalRelayPage.Participant] {
    var people: [String: GlobalRelayPage.Participant] = [:]
    for span in attendance.spans
    where span.row.joinedAt < slice.end && (span.row.leftAt.map { $0 >= slice.start } ?? true) {
      people[span.profile.id] = GlobalRelayPage.Participant(
        profile: span.profile, joined: span.row.joinedAt, left: span.row.leftAt)
    }
    for message in slice.messages {
      people[message.sender.id, default: GlobalRelayPage.Participant(profile: message.sender)].messages += 1
    }
    return people.values.sorted { ($1.messages, $0.profile.id) < ($0.messages, $1.profile.id) }
  }

  private func text(_ card: ConversationCard, _ slice: DaySlice) -> String {
    slice.messages.flatMap { message in
      message.versions.map { version in
        let edited = version.number == 0 ? "" : " (edited)"
        return "\(version.at.rfc3339) \(version.author.name)\(edited): \(version.body.readableText)"
      } + (message.deletion.map { ["\($0.at.rfc3339) \($0.by.name) deleted message \(message.id)"] } ?? [])
    }.joined(separator: "\n")
  }

  private func sealedParts(_ slice: DaySlice) -> [SealedParts.Part] {
    var parts: [SealedParts.Part] = []
    for (index, message) in slice.messages.enumerated() {
      for version in message.versions {
        guard let sealed = version.body.sealed else { continue }
        parts += SealedParts(sealed, name: "sealed-\(index + 1)-\(version.number)").parts
      }
    }
    return parts
  }
}
