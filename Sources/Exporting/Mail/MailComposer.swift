import Catalog
import History
import Model
import Sodium

/// One version of one message as an Internet message: threads by References, history in headers, sealed bodies as
/// attachments.
struct MailComposer {
  /// More recipients than this are not listed one by one.
  static let recipientsMax = 50
  let address: MailAddress
  let lineEnd: [UInt8]
  let card: ConversationCard
  var attendance = Attendance()

  init(tenant: String, card: ConversationCard, lineEnd: [UInt8]) {
    address = MailAddress(tenant: tenant)
    self.card = card
    self.lineEnd = lineEnd
  }

  func compose(_ message: ExportedMessage, _ version: ExportedVersion) -> [UInt8] {
    var mail = MailText(lineEnd: lineEnd)
    mail.header("From", words: address.mailbox(version.author))
    recipients(message, &mail)
    mail.header("Subject", words: MailText.words(subject(version)))
    mail.header("Date", words: [version.at.mailDate])
    references(message, version, &mail)
    chatHeaders(message, version, &mail)
    mail.line("MIME-Version: 1.0")
    body(message, version, &mail)
    return mail.bytes
  }

  /// Whether more people read a message than are listed.
  func isCrowded(at time: Timestamp) -> Bool {
    attendance.present(at: time, limit: Self.recipientsMax) == nil
  }

  private func recipients(_ message: ExportedMessage, _ mail: inout MailText) {
    guard let people = attendance.present(at: message.sentAt, limit: Self.recipientsMax), !people.isEmpty
    else {
      return mail.header("To", words: ["undisclosed-recipients:;"])
    }
    var words: [String] = []
    for (index, person) in people.enumerated() {
      var mailbox = address.mailbox(person)
      if index + 1 < people.count { mailbox[mailbox.count - 1] += "," }
      words += mailbox
    }
    mail.header("To", words: words)
  }

  private func subject(_ version: ExportedVersion) -> String {
    let text = version.body.sealed == nil ? CleanText.line(version.body.readableText) : "sealed message"
    return "[\(CleanText.line(card.title))] " + text.prefix(60)
  }

  private func references(_ message: ExportedMessage, _ version: ExportedVersion, _ mail: inout MailText) {
    let (conversation, original) = (card.profile.id, message.message.original)
    let own = address.messageID(message.id, conversation: conversation)
    mail.header(
      "Message-ID",
      words: [address.messageID(message.id, conversation: conversation, version: version.number)])
    let above = [original.threadID, original.replyTo].compactMap { $0 }.filter { $0 != message.id }
      .map { address.messageID($0, conversation: conversation) }
    var chain = above.count == 2 && above[0] == above[1] ? [above[0]] : above
    if version.number > 0 { chain.append(own) }
    guard let parent = chain.last else { return }
    mail.header("In-Reply-To", words: [parent])
    mail.header("References", words: chain)
    if version.number > 0 { mail.header("X-Chat-Replaces", words: [own]) }
  }

  private func chatHeaders(_ message: ExportedMessage, _ version: ExportedVersion, _ mail: inout MailText) {
    mail.header("X-Chat-Conversation-Id", text: card.profile.id)
    mail.header("X-Chat-Conversation-Type", text: card.kind.rawValue)
    mail.header("X-Chat-Message-Id", text: message.id)
    mail.header("X-Chat-Sender-Id", text: version.author.id)
    mail.header("X-Chat-Sent-At", text: version.at.rfc3339)
    if version.number > 0 { mail.header("X-Chat-Edited", text: "version \(version.number)") }
    if let sealed = version.body.sealed {
      mail.header("X-Chat-Sealed", text: "yes")
      mail.header("X-Chat-Key-Id", text: sealed.keyID)
    }
    if message.message.locator.state == .restricted { mail.header("X-Chat-Hold", text: "yes") }
    guard version.number == 0 else { return }
    if let deletion = message.deletion {
      mail.header("X-Chat-Deleted-At", text: deletion.at.rfc3339)
      mail.header("X-Chat-Deleted-By", text: deletion.by.id)
    }
    for reaction in message.reactions {
      mail.header("X-Chat-Reaction", text: "\(reaction.name) \(reaction.by.id) \(reaction.at.rfc3339)")
    }
    for attachment in message.message.original.attachments {
      mail.header("X-Chat-Attachment", text: attachment.summary)
    }
  }

  private func body(_ message: ExportedMessage, _ version: ExportedVersion, _ mail: inout MailText) {
    guard let sealed = version.body.sealed else {
      mail.text(version.body.readableText)
      return
    }
    // The hash of what is inside cannot be inside.
    let boundary = "=_" + SHA256.hash(sealed.ciphertext).hex.prefix(32)
    mail.line("Content-Type: multipart/mixed; boundary=\"\(boundary)\"")
    mail.line()
    mail.line("--\(boundary)")
    mail.text(version.body.readableText)
    for part in SealedParts(sealed).parts {
      mail.line("--\(boundary)")
      mail.attachment(part)
    }
    mail.line("--\(boundary)--")
  }
}

/// A sealed body as files: the ciphertext, and what its openers need beside their own keys.
struct SealedParts {
  struct Part {
    let name: String
    let type: String
    let content: [UInt8]
  }
  let parts: [Part]

  init(_ sealed: SealedBody, name: String = "sealed") {
    var json = JSONWriter()
    json.object { json in
      json.member("key_id", sealed.keyID)
      json.member("ciphertext_sha256", SHA256.hash(sealed.ciphertext).hex)
      json.object("wrapped_keys") { json in
        for (device, key) in sealed.wrappedKeys.sorted(by: { $0.key < $1.key }) {
          json.member(device, key.base64())
        }
      }
    }
    parts = [
      Part(name: name + ".bin", type: "application/octet-stream", content: sealed.ciphertext),
      Part(name: name + ".json", type: "application/json", content: json.bytes),
    ]
  }
}

extension MailText {
  /// The headers and the content of a part, or of a message that has one only.
  mutating func text(_ text: String, type: String = "text/plain") {
    line("Content-Type: \(type); charset=utf-8")
    line("Content-Transfer-Encoding: quoted-printable")
    line()
    quotedPrintable(text)
  }

  mutating func attachment(_ part: SealedParts.Part) {
    line("Content-Type: \(part.type); name=\"\(part.name)\"")
    line("Content-Transfer-Encoding: base64")
    line("Content-Disposition: attachment; filename=\"\(part.name)\"")
    line()
    base64(part.content)
  }
}
