import Catalog
import History
import Model

/// The HTML part of a Global Relay mail: summary, participants, messages, with the class names their readers look
/// for.
struct GlobalRelayPage {
  struct Participant {
    let profile: SubjectProfile
    var joined: Timestamp?
    var left: Timestamp?
    var messages = 0
  }
  let card: ConversationCard
  let slice: DaySlice
  let participants: [Participant]
  let madeAt: Timestamp

  var html: String {
    var html = HTMLText()
    html.raw("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n")
    summary(&html)
    people(&html)
    html.raw("<h2>Messages</h2>\n<ul>\n")
    for (index, message) in slice.messages.enumerated() { entries(message, index, &html) }
    html.raw("</ul>\n<p>Exported on \(madeAt.rfc3339)</p>\n</body></html>\n")
    return String(decoding: html.bytes, as: UTF8.self)
  }

  private func summary(_ html: inout HTMLText) {
    html.raw("<ul class=\"summary\">\n")
    for (label, value) in [
      ("ChannelId", card.profile.id), ("ChannelDisplayName", card.title), ("Started", slice.start.rfc3339),
      ("Ended", slice.end.rfc3339), ("Messages", String(slice.messages.count)),
    ] {
      html.raw("<li><b>\(label):</b> ")
      html.name(value)
      html.raw("</li>\n")
    }
    html.raw("</ul>\n")
  }

  private func people(_ html: inout HTMLText) {
    html.raw("<table class=\"participants\"><tr><th>UserId</th><th>Username</th><th>UserType</th>")
    html.raw("<th>Email</th><th>Joined</th><th>Left</th><th>Messages</th></tr>\n")
    for person in participants {
      html.raw("<tr>")
      for value in [
        person.profile.id, person.profile.name, "user", person.profile.email ?? "",
        person.joined?.rfc3339 ?? "", person.left?.rfc3339 ?? "", String(person.messages),
      ] {
        html.raw("<td>")
        html.text(value)
        html.raw("</td>")
      }
      html.raw("</tr>\n")
    }
    html.raw("</table>\n")
  }

  private func entries(_ message: ExportedMessage, _ index: Int, _ html: inout HTMLText) {
    for version in message.versions {
      let sealed = version.body.sealed.map { _ in " [sealed-\(index + 1)-\(version.number).bin]" } ?? ""
      entry(message.id, version.at, version.author, version.body.readableText + sealed, &html)
    }
    for attachment in message.message.original.attachments {
      entry(message.id, message.sentAt, message.sender, "Uploaded file \(attachment.summary)", &html)
    }
    if let deletion = message.deletion {
      entry(message.id, deletion.at, deletion.by, "Deleted message \(message.id)", &html)
    }
  }

  private func entry(
    _ id: String, _ at: Timestamp, _ author: SubjectProfile, _ text: String, _ html: inout HTMLText
  ) {
    html.raw("<li class=\"message\">")
    for (name, value) in [
      ("post_id", id), ("sent_time", at.rfc3339), ("username", author.name), ("userid", author.id),
      ("usertype", "user"), ("email", author.email ?? ""), ("message", text),
    ] where !value.isEmpty {
      html.raw("<span class=\"\(name)\" dir=\"auto\">")
      html.text(value)
      html.raw("</span> ")
    }
    html.raw("</li>\n")
  }
}
