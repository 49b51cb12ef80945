import Catalog
import Foundation
import History
import Hummingbird
import Model
import Postgres
import Search
import Sodium

/// Conversations and their messages, as the reader may see them.
enum MessageRoutes {
  static let all = [
    Route.get("/v1/conversations", readers, conversations),
    Route.get("/v1/conversations/:id/messages", readers, messages),
    Route.get("/v1/messages/:id", readers, message),
  ]

  static let readers: Set<Role> = [.member, .compliance]
  private static let pageMax = 1_000

  private struct ConversationView: Encodable {
    let conversationID: String
    let name: String?
    let kind: String
    let visibility: String
    let closedAt: String?

    init(_ card: ConversationCard) {
      conversationID = card.profile.id
      name = card.profile.name
      kind = card.kind.rawValue
      visibility = card.isPublic ? "public" : "private"
      closedAt = card.closedAt?.rfc3339
    }

    enum CodingKeys: String, CodingKey {
      case name, kind, visibility
      case conversationID = "conversation_id"
      case closedAt = "closed_at"
    }
  }

  private struct ConversationPage: Encodable {
    let conversations: [ConversationView]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
      case conversations
      case nextCursor = "next_cursor"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(conversations, forKey: .conversations)
      try container.encode(nextCursor, forKey: .nextCursor)  // null where there is no more
    }
  }

  @Sendable private static func conversations(_ call: Call) async throws -> Response {
    let reading = try await call.reading()
    let directory = reading.directory
    let limit = try call.number("limit", in: 1...pageMax, default: 100)
    let cursor = try call.value("cursor").map(place)
    let ids: [ConversationID]
    switch reading.reader {
    case .member(let subject):
      let windows = try await Authorization(database: call.services.database, tenant: directory.tenant)
        .windows(of: subject)
      ids = Array(windows.keys.filter { id in cursor.map { $0 < id } ?? true }.sorted().prefix(limit + 1))
    case .compliance:
      let tenant = directory.tenant.id
      ids = try await call.services.database.transaction { tx in
        try Conversations.list(tenant: tenant, after: cursor, limit: limit + 1, in: tx).map(\.id)
      }
      try await call.look(directory, "conversations.listed", object: "conversations")
    }
    let shown = Array(ids.prefix(limit))
    let cards = try await directory.cards(Set(shown))
    return Reply.json(
      ConversationPage(
        conversations: shown.compactMap { cards[$0] }.map(ConversationView.init),
        nextCursor: ids.count > limit ? shown.last.map(text) : nil))
  }

  private static func text(_ place: ConversationID) -> String {
    var writer = ByteWriter()
    writer.fixed(place.rawValue)
    return writer.bytes.base64(.urlSafe)
  }

  private static func place(_ text: String) throws -> ConversationID {
    guard let bytes = [UInt8](base64: text, .urlSafe), bytes.count == 8 else {
      throw SearchError(.badCursor, "the cursor is not one that an earlier page gave")
    }
    var reader = ByteReader(bytes)
    return ConversationID(rawValue: try reader.fixed())
  }

  @Sendable private static func messages(_ call: Call) async throws -> Response {
    let conversation = try call.parameter("id")
    let limit = try call.number("limit", in: 1...ConversationHistory.limitMax, default: 50)
    let anchor = try anchor(call)
    let reading = try await call.reading()
    let (directory, reader) = (reading.directory, reading.reader)
    let page = try await call.services.flows.conversations(directory)
      .page(conversation, reader: reader, anchor: anchor, limit: limit)
    if reader == .compliance {
      try await call.look(
        directory, "history.read", object: "conversation", details: ["messages": String(page.messages.count)],
        personal: ["conversation": conversation])
    }
    return Reply.json(page)
  }

  private static func anchor(_ call: Call) throws -> ConversationHistory.Anchor {
    let given = ["before", "after", "around", "cursor"].filter { call.value($0) != nil }
    guard given.count <= 1 else {
      throw Problem.badRequest("give at most one of before, after, around and cursor")
    }
    if let id = call.value("before") { return .before(id) }
    if let id = call.value("after") { return .after(id) }
    if let id = call.value("around") { return .around(id) }
    if let cursor = call.value("cursor") { return .cursor(try Cursor(text: cursor)) }
    return .newest
  }

  @Sendable private static func message(_ call: Call) async throws -> Response {
    let id = try call.parameter("id")
    let reading = try await call.reading()
    let (directory, reader) = (reading.directory, reading.reader)
    let message = try await call.services.flows.conversations(directory)
      .message(id, reader: reader)
    if reader == .compliance {
      try await call.look(
        directory, "message.read", object: "message", personal: ["message": id],
        mentions: message.senderID.map { [directory.mention($0, part: "message")] } ?? [])
    }
    return Reply.json(message)
  }
}
