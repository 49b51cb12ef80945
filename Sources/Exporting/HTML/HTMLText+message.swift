import Catalog
import History
import Model

extension HTMLText {
  /// One message as it reads now, with what became of it below.
  mutating func article(_ exported: ExportedMessage) {
    let message = exported.message
    let payload = message.payload
    raw("<article><header><b>")
    name(exported.sender.displayName ?? exported.sender.id)
    raw("</b> ")
    if exported.sender.displayName != nil { labelled("", exported.sender.id) }
    time(message.position.createdAt.rfc3339)
    if let thread = payload.threadID { labelled("in thread", thread) }
    if let reply = payload.replyTo { labelled("in reply to", reply) }
    labelled("message", payload.messageID)
    raw("</header>\n")
    if message.locator.state == .restricted {
      raw("<p class=\"note\">kept for a legal hold only</p>\n")
    }
    body(payload.body)
    attachments(payload.attachments)
    changes(exported)
    raw("</article>\n")
  }

  private mutating func labelled(_ label: String, _ value: String) {
    raw(" <span class=\"soft\">\(label) ")
    name(value)
    raw("</span> ")
  }

  private mutating func body(_ body: MessageBody) {
    switch body {
    case .plain(let plain):
      raw("<div class=\"body\" dir=\"auto\">")
      text(plain)
      raw("</div>\n")
    case .sealed(let sealed):
      raw("<p class=\"sealed\">sealed (key id ")
      if let key = sealed.keyID { name(key) } else { raw("unknown") }
      raw("), \(sealed.ciphertext.count) bytes that only the members’ devices can open</p>\n")
    }
  }

  /// Addresses are shown, never linked: a package must not call anywhere.
  private mutating func attachments(_ attachments: [Attachment]) {
    guard !attachments.isEmpty else { return }
    raw("<ul>")
    for attachment in attachments {
      raw("<li>file ")
      name(attachment.name ?? attachment.id)
      for value in [attachment.mimeType, attachment.size.map { "\($0) bytes" }, attachment.url] {
        guard let value else { continue }
        raw(", ")
        name(value)
      }
      if let hash = attachment.sha256 { labelled("SHA-256", hash) }
      raw("</li>")
    }
    raw("</ul>\n")
  }

  private mutating func changes(_ exported: ExportedMessage) {
    let edits = exported.changes.filter { $0.change.kind == .edit }
    if !edits.isEmpty { versions(exported.message.original.body, edits) }
    for (change, author) in exported.changes where change.kind != .edit {
      raw("<p class=\"soft\">")
      switch change.kind {
      case .edit: break
      case .deletion: raw("deleted by ")
      case .reaction:
        name(change.name ?? "")
        raw(change.removedAt == nil ? " from " : " taken back by ")
      }
      name(author.displayName ?? author.id)
      raw(" ")
      time((change.removedAt ?? change.at).rfc3339)
      raw("</p>\n")
    }
  }

  private mutating func versions(
    _ first: MessageBody, _ edits: [(change: HistoricChange, by: SubjectProfile)]
  ) {
    raw("<details><summary class=\"soft\">edited; \(edits.count + 1) versions</summary>\n")
    body(first)
    for (edit, author) in edits {
      guard let payload = edit.payload else { continue }
      raw("<p class=\"soft\">edited by ")
      name(author.displayName ?? author.id)
      raw(" ")
      time(edit.at.rfc3339)
      raw("</p>\n")
      body(payload.body)
    }
    raw("</details>\n")
  }
}
