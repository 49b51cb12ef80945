import Catalog
import Governance
package import Model
import Postgres

/// What would come of a label or an event, were it stated.
package struct StatementPreview: Hashable, Sendable {
  /// Until then nothing is deleted for its sake.
  package let settlesAt: Timestamp
  package let preview: RetentionPreview
}

extension RetentionService {
  /// By the policies that are in force when it has settled, as far as they are known. Stores nothing.
  func preview(_ statement: RetentionStatement) async throws -> StatementPreview {
    let (tenant, now) = (tenant, now())
    let history = try await database.transaction { tx in try Self.policies(of: tenant, in: tx) }
    let measure = PreviewMeasure(
      policies: history.policies, question: .stated(statement), tenant: tenant, now: now)
    var tally = PreviewTally()
    if let reach = statement.reach(of: history.policies) {
      tally = try await self.tally(reach, ownUpTo: nil, measure)
    } else if case .label(let row) = statement, case .message(let key) = row.item {
      tally.add(
        try await database.transaction { tx in
          try measure.look(at: try RetentionScan.find([key], tenant: tenant, in: tx), in: tx)
        })
    }
    let found = try await record(tally, policySet: history.version, tightenings: [], at: now)
    return StatementPreview(settlesAt: statement.settlesAt, preview: try await named(found))
  }
}

extension RetentionStatement {
  /// `nil`: it is for a single message.
  fileprivate func reach(of policies: [Policy]) -> RetentionReach? {
    var reach = RetentionReach()
    switch self {
    case .label(let row):
      guard case .conversation(_, let id) = row.item else { return nil }
      reach.conversations = [id]
    case .event(let row):
      switch row.owner {
      case .conversation(_, let id): reach.conversations = [id]
      case .subject(let id): reach.senders = [id]
      }
    }
    reach.countsEdits = policies.contains { $0.clock == .lastEdited }
    return reach
  }
}
