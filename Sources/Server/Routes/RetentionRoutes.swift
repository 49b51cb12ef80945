import Catalog
import Foundation
import Governance
import History
import Hummingbird
import Model
import Retention

/// Policies, what they would do, and why a single message is kept.
enum RetentionRoutes {
  static let all = [
    Route.get("/v1/retention/policies", readers, policies),
    Route(.put, "/v1/retention/policies", governors, setPolicies),
    Route.get("/v1/retention/policies/:version", readers) { call in
      Reply.json(try PolicyDetailReply(try await service(call).show(try version(call))))
    },
    Route.post("/v1/retention/policies/:version/approve", [.approver]) { call in
      let detail = try await service(call).approve(try version(call), actor: call.principal.subject)
      return Reply.json(try PolicyDetailReply(detail))
    },
    Route.post("/v1/retention/policies/:version/reject", readers, reject),
    Route.post("/v1/retention/preview", governors, preview),
    Route.get("/v1/messages/:id/disposition", governors, disposition),
  ]

  private static let governors: Set<Role> = [.compliance, .admin]
  private static let readers: Set<Role> = [.compliance, .admin, .approver]

  private static func service(_ call: Call) async throws -> RetentionService {
    call.services.flows.retention(try await call.directory())
  }

  @Sendable private static func policies(_ call: Call) async throws -> Response {
    Reply.json(["versions": try await service(call).list().map(PolicyVersionReply.init)])
  }

  @Sendable private static func setPolicies(_ call: Call) async throws -> Response {
    let document = try document(try await call.body())
    let result = try await service(call).set(document, actor: call.principal.subject)
    return Reply.json(PolicySetReply(result))
  }

  private static func version(_ call: Call) throws -> Int32 {
    guard let version = Int32(try call.parameter("version")) else {
      throw Problem(404, "unknown_policies", "there is no such version of the policies")
    }
    return version
  }

  private struct Rejecting: Decodable {
    let justification: String
  }

  @Sendable private static func reject(_ call: Call) async throws -> Response {
    let rejecting = try call.decoded(Rejecting.self, from: try await call.body())
    let detail = try await service(call).reject(
      try version(call), justification: rejecting.justification, actor: call.principal.subject)
    return Reply.json(try PolicyDetailReply(detail))
  }

  private static func document(_ bytes: [UInt8]) throws -> PolicyDocument {
    try PolicyDocument(json: String(decoding: bytes, as: UTF8.self))
  }

  @Sendable private static func preview(_ call: Call) async throws -> Response {
    let body = try await call.body()
    let proposed = body.isEmpty ? nil : try document(body)
    return Reply.json(PreviewReply(try await service(call).preview(proposed)))
  }

  private struct DispositionReply: Encodable {
    let messageID: String
    let conversationID: String?
    let senderID: String?
    let createdAt: String
    let state: String
    let tier: String?
    let readable: Bool
    let label: String?
    let events: [String: String]
    let summary: String
    let verdict: String?
    let decidingRule: String?
    let floorEnds: String?
    let dueAt: String?
    let reasons: [String]
    let holds: [String]
    let policySet: Int32

    enum CodingKeys: String, CodingKey {
      case state, tier, readable, label, events, summary, verdict, reasons, holds
      case messageID = "message_id"
      case conversationID = "conversation_id"
      case senderID = "sender_id"
      case createdAt = "created_at"
      case decidingRule = "deciding_rule"
      case floorEnds = "floor_ends"
      case dueAt = "due_at"
      case policySet = "policy_set"
    }

    /// An administrator of policies learns that a hold is in the way, not which.
    init(_ explanation: Explanation, knowsHolds: Bool) {
      let disposition = explanation.disposition
      messageID = explanation.messageID
      conversationID = explanation.conversation
      senderID = explanation.sender
      createdAt = explanation.createdAt.rfc3339
      state = explanation.state.name
      tier = explanation.tier?.rawValue
      readable = explanation.readable
      label = explanation.label
      events = explanation.events.mapValues(\.rfc3339)
      let hides = !knowsHolds && !explanation.holds.isEmpty
      summary = hides ? "kept: a rule that you may not see" : explanation.summary
      verdict = disposition.map { Self.name($0.verdict) }
      decidingRule = disposition?.decidingRule.rawValue
      floorEnds = disposition?.floorEnds?.rfc3339
      dueAt = disposition?.dueAt?.rfc3339
      reasons = (disposition?.reasons ?? []).filter { knowsHolds || $0.holdID == nil }.map(\.description)
      holds = knowsHolds ? explanation.holds.map { Handle.text("hold", $0) } : []
      policySet = explanation.policySet
    }

    private static func name(_ verdict: Disposition.Verdict) -> String {
      switch verdict {
      case .keep: "keep"
      case .held: "held"
      case .due: "due"
      case .review: "review"
      case .pending: "pending"
      case .restricted: "restricted"
      }
    }
  }

  @Sendable private static func disposition(_ call: Call) async throws -> Response {
    let id = try call.parameter("id")
    guard let explanation = try await service(call).explain(id) else {
      throw Problem(404, "unknown_message", "there is no such message in this tenant")
    }
    let directory = try await call.directory()
    try await call.look(
      directory, "disposition.read", object: "message", personal: ["message": id],
      mentions: explanation.sender.map { [directory.mention($0, part: "message")] } ?? [])
    return Reply.json(DispositionReply(explanation, knowsHolds: call.principal.knowsHolds))
  }
}
