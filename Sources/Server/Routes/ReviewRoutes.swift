import Catalog
import Foundation
import Hummingbird
import Model
package import Retention

/// Disposition reviews: what policies would delete, but for somebody's decision.
enum ReviewRoutes {
  static let all = [
    Route.get("/v1/retention/reviews", readers, list),
    Route.get("/v1/retention/reviews/:id", readers) { call in
      Reply.json(ReviewReply(try await service(call).review(try call.handle("review"))))
    },
    Route.post("/v1/retention/reviews/:id/decision", deciders, decide),
    Route.post("/v1/retention/reviews/:id/approve", [.approver]) { call in
      let view = try await service(call).approveReview(
        try call.handle("review"), actor: call.principal.subject)
      return Reply.json(ReviewReply(view))
    },
  ]

  private static let deciders: Set<Role> = [.compliance, .admin]
  private static let readers: Set<Role> = [.compliance, .admin, .approver]

  private static func service(_ call: Call) async throws -> RetentionService {
    call.services.flows.retention(try await call.directory())
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    guard let state = Optional(call.value("state") ?? "open"), ["open", "all"].contains(state) else {
      throw Problem.badRequest("state takes open or all")
    }
    let page = try call.page(of: "review")
    let views = try await service(call).reviews(open: state == "open", after: page.after, limit: page.limit)
    return Reply.json(ListReply("reviews", views.map(ReviewReply.init), of: page))
  }

  private struct Deciding: Decodable {
    let decision: String
    let until: String?
    let policy: String?
    let label: String?
    let justification: String
  }

  @Sendable private static func decide(_ call: Call) async throws -> Response {
    let deciding = try call.decoded(Deciding.self, from: try await call.body())
    let decision: ReviewRow.Decision
    let until = try call.time(deciding.until, "until")
    switch (deciding.decision, until, deciding.policy, deciding.label) {
    case ("delete", nil, nil, nil): decision = .delete
    case ("extend", let until?, nil, nil): decision = .extend(until: until)
    case ("move", nil, let policy?, nil): decision = .move(to: policy)
    case ("relabel", nil, nil, let label?): decision = .relabel(label)
    default:
      throw Problem.badRequest(
        "decision takes delete, extend with until, move with policy, or relabel with label")
    }
    let view = try await service(call).decide(
      try call.handle("review"), decision, justification: deciding.justification,
      actor: call.principal.subject)
    return Reply.json(ReviewReply(view))
  }
}

/// As HTTP and the command line show it.
package struct ReviewReply: Encodable, Identifiable {
  package let id: String
  package let state: String
  package let conversation: String?
  package let month: String
  package let policy: String
  package let messages: Int
  package let deleted: Int
  package let oldest: String
  package let newest: String
  package let waitingSince: String
  package let decision: String?
  package let until: String?
  /// A policy or a label.
  package let to: String?
  package let decidedAt: String?
  package let justification: String?

  package init(_ view: ReviewView) {
    let row = view.row
    id = Handle.text("review", row.id)
    state = row.state.rawValue
    conversation = view.conversation
    month = row.group.period.description
    policy = "\(row.group.policy) v\(row.policyVersion)"
    (messages, deleted) = (row.messages, row.deleted)
    (oldest, newest, waitingSince) = (row.oldest.rfc3339, row.newest.rfc3339, row.waitingSince.rfc3339)
    decision = row.decision?.name
    if case .extend(let time) = row.decision { until = time.rfc3339 } else { until = nil }
    switch row.decision {
    case .move(let name), .relabel(let name): to = name
    default: to = nil
    }
    decidedAt = row.decidedAt?.rfc3339
    justification = view.justification
  }

  enum CodingKeys: String, CodingKey {
    case id, state, month, policy, messages, deleted, oldest, newest, decision, until, to, justification
    case conversation = "conversation_id"
    case waitingSince = "waiting_since"
    case decidedAt = "decided_at"
  }

  package var text: String {
    let place = conversation ?? "(erased)"
    let what =
      decision.map { "  \($0)\(until.map { " until \($0)" } ?? "")\(to.map { " to \($0)" } ?? "")" } ?? ""
    return "\(id)  \(state)  \(month)  \(place)  \(policy)  \(messages) messages since \(waitingSince)\(what)"
  }
}
