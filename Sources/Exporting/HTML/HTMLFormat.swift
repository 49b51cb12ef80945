import Catalog
import Foundation
import History
import Model

/// `html/`: an index, a page per conversation that lists members and months, and a page per month.
final class HTMLFormat: PackageFormat {
  private let folder: String
  private let draft: PackageDraft
  private let index: PackageFile
  private var html = HTMLText()
  private var ordinal = 0
  private var conversation: Conversation?

  /// The conversation that is being written.
  private struct Conversation {
    let card: ConversationCard
    let title: String
    let folder: String
    let page: PackageFile
    var month: (period: Period, file: PackageFile)?
    var months: [(period: Period, messages: Int)] = []
  }

  init(_ draft: PackageDraft, folder: String = "html") async throws {
    self.folder = folder
    self.draft = draft
    index = try draft.file(folder + "/index.html")
    guard index.isFresh else { return }
    html.pageStart("Conversations", up: nil)
    html.raw("<table><tr><th>conversation</th><th>kind</th><th>messages</th></tr>\n")
    try await write(to: index)
  }

  func begin(_ card: ConversationCard) async throws {
    ordinal += 1
    let title = card.profile.name ?? card.profile.id
    let digits = String(ordinal)
    let folder = SafeName.make("c" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits, title)
    let page = try draft.file(self.folder + "/" + folder + "/index.html")
    conversation = Conversation(card: card, title: title, folder: folder, page: page)
    html.pageStart(title, up: ("../index.html", "all conversations"))
    html.raw("<p class=\"soft\">\(card.kind.rawValue), \(card.isPublic ? "public" : "private"), id ")
    html.name(card.profile.id)
    html.raw(
      "</p>\n<h2>Members</h2>\n<table><tr><th>who</th><th>joined</th><th>sees from</th><th>left</th></tr>\n")
    try await write(to: page)
  }

  func add(_ members: [ExportedMember]) async throws {
    guard let page = conversation?.page else { return }
    for member in members {
      html.raw("<tr><td>")
      html.name(member.profile.displayName ?? member.profile.id)
      html.raw(" <span class=\"soft\">")
      html.name(member.profile.id)
      html.raw("</span>")
      for time in [member.row.joinedAt, member.row.visibleFrom, member.row.leftAt] {
        html.raw("</td><td>")
        if let time { html.time(time.rfc3339) }
      }
      html.raw("</td></tr>\n")
    }
    try await write(to: page)
  }

  func add(_ message: ExportedMessage) async throws {
    let period = Period(containing: message.message.position.createdAt)
    if conversation?.month?.period != period { try await turn(to: period) }
    guard let file = conversation?.month?.file, let last = conversation?.months.indices.last else { return }
    html.article(message)
    file.messages += 1
    conversation?.months[last].messages += 1
    try await write(to: file)
  }

  func end() async throws {
    try await turn(to: nil)
    guard let ended = conversation else { return }
    html.raw("</table>\n<h2>Messages</h2>\n<ul>\n")
    for (period, messages) in ended.months {
      html.raw("<li>")
      html.link("\(period).html", "\(period)")
      html.raw(" <span class=\"soft\">\(messages) messages</span></li>\n")
    }
    html.raw("</ul>\n")
    html.pageEnd()
    try await write(to: ended.page)
    try await ended.page.close()
    html.raw("<tr><td>")
    html.link(ended.folder + "/index.html", ended.title)
    html.raw(
      "</td><td>\(ended.card.kind.rawValue)</td><td>\(ended.months.reduce(0) { $0 + $1.messages })</td></tr>\n"
    )
    try await write(to: index)
    conversation = nil
  }

  func finish() async throws {
    html.raw("</table>\n")
    html.pageEnd()
    try await write(to: index)
    try await index.close()
  }

  private struct Saved: Codable {
    struct Month: Codable {
      let period: Int32
      let messages: Int
    }
    let ordinal: Int
    var folder = ""
    var open: Int32?
    var months: [Month] = []
  }

  func save() throws -> Data? {
    var saved = Saved(ordinal: ordinal)
    if let conversation {
      saved.folder = conversation.folder
      saved.open = conversation.month?.period.rawValue
      saved.months = conversation.months.map { .init(period: $0.period.rawValue, messages: $0.messages) }
    }
    return try JSONEncoder().encode(saved)
  }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    let saved = try JSONDecoder().decode(Saved.self, from: saved)
    ordinal = saved.ordinal
    guard let card else { return }
    let base = folder + "/" + saved.folder
    var open = Conversation(
      card: card, title: card.title, folder: saved.folder, page: try draft.file(base + "/index.html"))
    open.months = saved.months.map { (Period(rawValue: $0.period), $0.messages) }
    open.month = try saved.open.map { raw in
      let period = Period(rawValue: raw)
      return (period, try draft.file(base + "/\(period).html"))
    }
    conversation = open
  }

  /// Ends the page of the month before and begins the next one.
  private func turn(to period: Period?) async throws {
    guard let open = conversation else { return }
    if let month = open.month {
      if let period { next("\(period)") }
      html.pageEnd()
      try await write(to: month.file)
      try await month.file.close()
    }
    guard let period else { return }
    let file = try draft.file(folder + "/" + open.folder + "/\(period).html")
    html.pageStart(open.title, part: "\(period)", up: ("index.html", open.title))
    try await write(to: file)
    conversation?.month = (period, file)
    conversation?.months.append((period, 0))
  }

  private func next(_ period: String) {
    html.raw("<nav>")
    html.link(period + ".html", period)
    html.raw("</nav>\n")
  }

  private func write(to file: PackageFile) async throws {
    try await file.write(html.bytes)
    html.removeAll()
  }
}
