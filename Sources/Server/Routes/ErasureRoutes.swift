import Catalog
import Erasure
import Foundation
import Hummingbird
import Model

/// GDPR Art. 17: requested by one, approved by another.
enum ErasureRoutes {
  static let all = [
    Route.create("/v1/erasures", [.dpo], make: request, show: show),
    Route.get("/v1/erasures", readers, list),
    Route.get("/v1/erasures/:id", readers) { call in
      Reply.json(try reply(try await service(call).find(try call.handle("erasure")), to: call.principal))
    },
    Route.post("/v1/erasures/:id/approve", [.approver], approve),
    Route.post("/v1/erasures/:id/run", [.dpo], run),
    Route.post("/v1/erasures/:id/withdraw", [.dpo]) { try await end($0, as: .withdrawn) },
    Route.post("/v1/erasures/:id/refuse", [.dpo]) { try await end($0, as: .refused) },
    Route.post("/v1/erasures/:id/extend", [.dpo], extend),
    Route.get("/v1/erasures/:id/certificate", readers, certificate),
  ]

  private static let readers: Set<Role> = [.dpo, .approver]

  private static func service(_ call: Call) async throws -> ErasureService {
    call.services.flows.erasure(try await call.directory())
  }

  private struct ErasureReply: Encodable {
    let id: String
    let state: String
    let scope: String
    let requestedAt: String
    let dueAt: String
    let approvedAt: String?
    let completedAt: String?
    let plan: AnyJSON?
    let steps: AnyJSON

    enum CodingKeys: String, CodingKey {
      case id, state, scope, plan, steps
      case requestedAt = "requested_at"
      case dueAt = "due_at"
      case approvedAt = "approved_at"
      case completedAt = "completed_at"
    }
  }

  /// Who may not know of holds reads that there is one.
  private static func reply(_ row: ErasureRow, to principal: Principal) throws -> ErasureReply {
    ErasureReply(
      id: Handle.text("erasure", row.id), state: row.state.rawValue, scope: row.scope.name,
      requestedAt: row.requestedAt.rfc3339,
      dueAt: row.dueAt.rfc3339, approvedAt: row.approvedAt?.rfc3339, completedAt: row.completedAt?.rfc3339,
      plan: try row.plan.map { try AnyJSON(parsing: principal.knowsHolds ? $0 : withoutHolds($0)) },
      steps: try AnyJSON(parsing: row.steps))
  }

  private static func withoutHolds(_ plan: String) throws -> String {
    let plan = try JSONDecoder().decode(ErasurePlan.self, from: Data(plan.utf8)).withoutHolds
    return String(decoding: try JSONEncoder().encode(plan), as: UTF8.self)
  }

  private struct Requesting: Decodable {
    let subject_id: String?
    let conversation_id: String?
    let message_id: String?
    let reason: String
  }

  /// Requests and plans in one, so that the approver sees what would go.
  @Sendable private static func request(_ call: Call, _ body: [UInt8]) async throws -> String {
    let requesting = try call.decoded(Requesting.self, from: body)
    let ids = [requesting.subject_id, requesting.conversation_id, requesting.message_id].compactMap(\.self)
    guard !ids.isEmpty, ids.allSatisfy({ (1...128).contains($0.utf8.count) }),
      (1...4_096).contains(requesting.reason.utf8.count)
    else {
      throw Problem.badRequest(
        "subject_id, conversation_id or message_id has 1 to 128 bytes, reason 1 to 4096")
    }
    let target = try ErasureTarget(
      subject: requesting.subject_id, conversation: requesting.conversation_id, message: requesting.message_id
    )
    let service = try await service(call)
    let row = try await service.request(target, reason: requesting.reason, actor: call.principal.subject)
    _ = try await service.plan(row.id, actor: call.principal.subject)
    return Handle.text("erasure", row.id)
  }

  @Sendable private static func show(_ call: Call, _ id: String) async throws -> ErasureReply {
    try reply(try await service(call).find(Handle.number("erasure", id) ?? 0), to: call.principal)
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    Reply.json(["erasures": try await service(call).list().map { try reply($0, to: call.principal) }])
  }

  @Sendable private static func approve(_ call: Call) async throws -> Response {
    let id = try call.handle("erasure")
    let service = try await service(call)
    try await service.approve(id, actor: call.principal.subject)
    return Reply.json(try reply(try await service.find(id), to: call.principal))
  }

  @Sendable private static func run(_ call: Call) async throws -> Response {
    let id = try call.handle("erasure")
    let service = try await service(call)
    _ = try await service.run(id, actor: call.principal.subject)
    return Reply.json(try reply(try await service.find(id), to: call.principal))
  }

  private struct Reasoning: Decodable {
    let reason: String
  }

  private static func reason(_ call: Call) async throws -> String {
    let reason = try call.decoded(Reasoning.self, from: try await call.body()).reason
    guard (1...4_096).contains(reason.utf8.count) else {
      throw Problem.badRequest("reason has 1 to 4096 bytes")
    }
    return reason
  }

  private static func end(_ call: Call, as ending: ErasureService.Ending) async throws -> Response {
    let (id, reason) = (try call.handle("erasure"), try await reason(call))
    let row = try await service(call).end(id, as: ending, reason: reason, actor: call.principal.subject)
    return Reply.json(try reply(row, to: call.principal))
  }

  @Sendable private static func extend(_ call: Call) async throws -> Response {
    let (id, reason) = (try call.handle("erasure"), try await reason(call))
    let row = try await service(call).extend(id, reason: reason, actor: call.principal.subject)
    return Reply.json(try reply(row, to: call.principal))
  }

  @Sendable private static func certificate(_ call: Call) async throws -> Response {
    guard let text = try await service(call).find(try call.handle("erasure")).certificate else {
      throw ErasureError(.notCompleted, "not certified yet")
    }
    return Reply.text(text, type: "application/json")
  }
}
