import Catalog
import Foundation
import Hummingbird
import Model
package import Retention

/// What policies go by and only people, or the platform, can say: labels, and events that have happened.
enum StatementRoutes {
  static let all = [
    Route.get("/v1/retention/labels", governors) { call in
      try await list("label", call) {
        try await $0.labels($1, after: $2.after, limit: $2.limit).map(LabelReply.init)
      }
    },
    Route(.put, "/v1/retention/labels", governors, setLabel),
    Route.get("/v1/retention/events", governors) { call in
      try await list("event", call) {
        try await $0.events($1, after: $2.after, limit: $2.limit).map(EventReply.init)
      }
    },
    Route(.put, "/v1/retention/events", governors.union([.ingest]), stateEvent),
  ]

  private static let governors: Set<Role> = [.compliance, .admin]

  private static func service(_ call: Call) async throws -> RetentionService {
    call.services.flows.retention(try await call.directory())
  }

  /// All there are of a tenant, page by page, or those of one name: `?label=`, `?event=`.
  private static func list<Item: Encodable & Identifiable>(
    _ word: String, _ call: Call, _ find: (RetentionService, String?, Call.Page) async throws -> [Item]
  ) async throws -> Response where Item.ID == String {
    let page = try call.page(of: word)
    let items = try await find(try await service(call), call.value(word), page)
    return Reply.json(ListReply(word + "s", items, of: page))
  }

  private struct Labelling: Decodable {
    let conversation_id: String?
    let message_id: String?
    let label: String?
    let justification: String
    let dry_run: Bool?
  }

  /// Without a label it is taken off.
  @Sendable private static func setLabel(_ call: Call) async throws -> Response {
    let labelling = try call.decoded(Labelling.self, from: try await call.body())
    let target: LabelTarget
    switch (labelling.conversation_id, labelling.message_id) {
    case (let id?, nil): target = .conversation(id)
    case (nil, let id?): target = .message(id)
    default: throw Problem.badRequest("give one of conversation_id and message_id")
    }
    if labelling.dry_run ?? false {
      let found = try await service(call).previewLabel(
        labelling.label, on: target, justification: labelling.justification)
      return Reply.json(StatementPreviewReply(found))
    }
    let view = try await service(call).setLabel(
      labelling.label, on: target, justification: labelling.justification, actor: call.principal.subject)
    return Reply.json(LabelReply(view))
  }

  private struct Stating: Decodable {
    let event: String
    let conversation_id: String?
    let subject_id: String?
    let at: String?
    let withdrawn: Bool?
    let justification: String
    let dry_run: Bool?
  }

  @Sendable private static func stateEvent(_ call: Call) async throws -> Response {
    let stating = try call.decoded(Stating.self, from: try await call.body())
    let target: EventTarget
    switch (stating.conversation_id, stating.subject_id) {
    case (let id?, nil): target = .conversation(id)
    case (nil, let id?): target = .subject(id)
    default: throw Problem.badRequest("give one of conversation_id and subject_id")
    }
    let time = try call.time(stating.at, "at")
    guard (time == nil) == (stating.withdrawn ?? false) else {
      throw Problem.badRequest("give at, or withdrawn: true")
    }
    if stating.dry_run ?? false {
      // A service that delivers events states them; what they would delete is not for it to read.
      guard !call.principal.roles.isDisjoint(with: governors) else {
        throw Problem(403, "forbidden", "dry_run needs the role compliance or admin")
      }
      let found = try await service(call).previewEvent(
        stating.event, of: target, at: time, justification: stating.justification)
      return Reply.json(StatementPreviewReply(found))
    }
    let view = try await service(call).stateEvent(
      stating.event, of: target, at: time, justification: stating.justification,
      actor: call.principal.subject)
    return Reply.json(EventReply(view))
  }
}

/// As HTTP and the command line show it.
package struct LabelReply: Encodable, Identifiable {
  package let id: String
  package let conversation: String?
  package let message: String?
  /// `nil`: taken off.
  package let label: String?
  package let changedAt: String
  package let settlesAt: String

  package init(_ view: LabelView) {
    id = Handle.text("label", view.row.id)
    (conversation, message, label) = (view.conversation, view.message, view.row.label)
    (changedAt, settlesAt) = (view.row.changedAt.rfc3339, view.row.settlesAt.rfc3339)
  }

  enum CodingKeys: String, CodingKey {
    case id, label
    case conversation = "conversation_id"
    case message = "message_id"
    case changedAt = "changed_at"
    case settlesAt = "settles_at"
  }

  package var text: String {
    let place = conversation ?? "(erased)"
    return "\(label ?? "(none)")  \(message.map { "message \($0) in " } ?? "")\(place)  since \(changedAt)"
  }
}

package struct EventReply: Encodable, Identifiable {
  package let id: String
  package let event: String
  package let conversation: String?
  package let subject: String?
  /// `nil`: withdrawn.
  package let at: String?
  package let statedAt: String
  package let settlesAt: String

  package init(_ view: EventView) {
    id = Handle.text("event", view.row.id)
    (event, conversation, subject) = (view.row.event, view.conversation, view.subject)
    (at, statedAt) = (view.row.happenedAt?.rfc3339, view.row.statedAt.rfc3339)
    settlesAt = view.row.settlesAt.rfc3339
  }

  enum CodingKeys: String, CodingKey {
    case id, event, at
    case conversation = "conversation_id"
    case subject = "subject_id"
    case statedAt = "stated_at"
    case settlesAt = "settles_at"
  }

  package var text: String {
    let whose = conversation.map { "conversation \($0)" } ?? subject.map { "subject \($0)" } ?? "(erased)"
    return "\(event)  \(whose)  \(at ?? "(withdrawn)")  stated \(statedAt)"
  }
}
