import Catalog
import Foundation
import Hummingbird
import Model
import Retention
import SearchIndex

/// Legal holds.
enum HoldRoutes {
  static let all = [
    Route.create("/v1/holds", roles, make: place, show: show),
    Route.get("/v1/holds", roles, list),
    Route.get("/v1/holds/:id", roles) { call in
      Reply.json(HoldReply(try await service(call).show(try call.handle("hold"))))
    },
    Route.post("/v1/holds/:id/evaluate", roles, evaluate),
    Route.post("/v1/holds/:id/release", roles, release),
    Route.get("/v1/holds/:id/coverage", roles, coverage),
  ]

  private static let roles: Set<Role> = [.compliance]

  private static func service(_ call: Call) async throws -> HoldService {
    call.services.flows.holds(try await call.directory())
  }

  private struct HoldReply: Encodable {
    let id: String
    let matter: String
    let reason: String
    let placedBy: String
    let placedAt: String
    let custodians: [String]
    let conversations: [String]
    let from: String?
    let to: String?
    let silent: Bool
    let query: HoldView.Query?
    let active: Bool
    let releasedAt: String?
    let releasedBy: String?
    let releaseReason: String?

    init(_ view: HoldView) {
      id = view.handle
      matter = view.matter
      reason = view.reason
      placedBy = view.placedBy
      placedAt = view.placedAt.rfc3339
      custodians = view.custodians
      conversations = view.conversations
      from = view.from?.rfc3339
      to = view.to?.rfc3339
      silent = view.silent
      query = view.query
      active = view.isActive
      releasedAt = view.releasedAt?.rfc3339
      releasedBy = view.releasedBy
      releaseReason = view.releaseReason
    }

    enum CodingKeys: String, CodingKey {
      case id, matter, reason, custodians, conversations, from, to, silent, query, active
      case placedBy = "placed_by"
      case placedAt = "placed_at"
      case releasedAt = "released_at"
      case releasedBy = "released_by"
      case releaseReason = "release_reason"
    }
  }

  private struct Placing: Decodable {
    let matter: String
    let reason: String
    let custodians: [String]?
    let conversations: [String]?
    let from: String?
    let to: String?
    let query: String?
    let silent: Bool?
  }

  @Sendable private static func place(_ call: Call, _ body: [UInt8]) async throws -> String {
    let placing = try call.decoded(Placing.self, from: body)
    let request = HoldRequest(
      matter: placing.matter, custodians: placing.custodians ?? [],
      conversations: placing.conversations ?? [],
      from: try call.time(placing.from, "from"), to: try call.time(placing.to, "to"),
      query: placing.query, silent: placing.silent ?? false,
      reason: placing.reason)
    return Handle.text("hold", try await service(call).place(request, actor: call.principal.subject))
  }

  @Sendable private static func show(_ call: Call, _ id: String) async throws -> HoldReply {
    HoldReply(try await service(call).show(Handle.number("hold", id) ?? 0))
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    let activeOnly = call.value("active") == "true"
    return Reply.json(["holds": try await service(call).list(activeOnly: activeOnly).map(HoldReply.init)])
  }

  /// Reads what was not read yet for the hold's query, and answers when that is done.
  @Sendable private static func evaluate(_ call: Call) async throws -> Response {
    let id = try call.handle("hold")
    let service = try await service(call)
    _ = try await service.evaluate(id, actor: call.principal.subject)
    return Reply.json(HoldReply(try await service.show(id)))
  }

  private struct Releasing: Decodable { let reason: String }

  @Sendable private static func release(_ call: Call) async throws -> Response {
    let id = try call.handle("hold")
    let releasing = try call.decoded(Releasing.self, from: try await call.body())
    let service = try await service(call)
    try await service.release(id, reason: releasing.reason, actor: call.principal.subject)
    return Reply.json(HoldReply(try await service.show(id)))
  }

  private struct CoverageReply: Encodable {
    let id: String
    let complete: Bool
    let total: Int
    let kept: Int
    let gone: Int
    let unreadable: Int
    let notIndexed: Int
    let undecided: Int
    let states: [String: Int]
    let gaps: [String]

    init(_ coverage: HoldCoverage) {
      id = Handle.text("hold", coverage.hold)
      complete = coverage.isComplete
      total = coverage.total
      kept = coverage.kept
      gone = coverage.gone
      unreadable = coverage.unreadable
      notIndexed = coverage.notIndexed
      undecided = coverage.undecided
      states = Dictionary(uniqueKeysWithValues: coverage.counts.map { ($0.key.name, $0.value) })
      gaps = coverage.gaps
    }

    enum CodingKeys: String, CodingKey {
      case id, complete, total, kept, gone, unreadable, undecided, states, gaps
      case notIndexed = "not_indexed"
    }
  }

  @Sendable private static func coverage(_ call: Call) async throws -> Response {
    let index = call.services.index
    let coverage = try await service(call).coverage(try call.handle("hold"), groups: call.services.groups) {
      group in
      try await index.position(group: group)
    }
    return Reply.json(CoverageReply(coverage))
  }
}
