import Catalog
import Foundation
import History
import Hummingbird
import Model
import Postgres

/// What clients are to drop their copies of, for platforms that ask rather than being told.
enum DeletionRoutes {
  static let all = [Route.get("/v1/deletions", [.ingest], list)]

  private static let limitMax = 1_000

  private struct DeletionsReply: Encodable {
    let deletions: [DeletionLine]
    let nextAfter: Int64
    /// Whether something after `after` is not kept any more.
    let missed: Bool

    enum CodingKeys: String, CodingKey {
      case deletions, missed
      case nextAfter = "next_after"
    }
  }

  /// Whoever asks for what comes after a number has what came before it: of erased people that is not kept longer.
  @Sendable private static func list(_ call: Call) async throws -> Response {
    let directory = try await call.directory()
    guard let notices = call.services.flows.notices(directory) else {
      throw Problem(
        409, "outbox_off", "deletions are written down for nobody; set deletions.outbox to on for them to be")
    }
    let after = try call.number("after", in: 0...Int.max, default: 0)
    let limit = try call.number("limit", in: 1...limitMax, default: limitMax)
    let (tenant, now, isPulled) = (
      directory.tenant.id, call.services.now(), call.services.hooks.pullsDeletions
    )
    let standing = try await call.services.database.transaction { tx in
      if isPulled, after > 0 {
        try DeletionOutbox.acknowledge(upTo: Int64(after), tenant: tenant, at: now, in: tx)
      }
      return try DeletionOutbox.standings(in: tx).first { $0.tenant == tenant }
    }
    let page = try await notices.read(after: Int64(after), limit: limit)
    return Reply.json(
      DeletionsReply(
        deletions: page.map { DeletionLine($0, tenant: directory.tenant.name) },
        nextAfter: page.last?.sequence ?? max(Int64(after), standing?.expired ?? 0),
        missed: Int64(after) < standing?.expired ?? 0))
  }
}
