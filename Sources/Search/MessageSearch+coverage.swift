import Catalog
import History
import Model
import Postgres

extension MessageSearch {
  /// What this search cannot see, and why.
  func coverage(_ request: SearchRequest, _ scope: Scope) async throws -> SearchReply.Coverage {
    let lag = try await indexer.lag().values.reduce(0, +)
    var blinded = false
    if case .blinded = request.query { blinded = true }
    let ids: [ConversationID]?
    if request.conversationIDs != nil || scope.windows != nil {
      ids = scope.windows.map { Array($0.keys) } ?? Array(scope.named.values)
    } else {
      ids = nil
    }
    let (tenant, askedBlinded) = (directory.tenant.id, blinded)
    let found = try await history.database.transaction { tx in
      try SearchCoverage.gaps(
        tenant: tenant, conversations: ids, blinded: askedBlinded, limit: Self.gapsMax, in: tx)
    }
    let cards = try await directory.cards(Set(found.map(\.conversation)))
    var gaps: [SearchReply.Gap] = []
    for coverage in found {
      guard let card = cards[coverage.conversation] else { continue }
      if let span = clipped(coverage.unsearchable, to: scope.windows?[coverage.conversation]) {
        gaps.append(
          SearchReply.Gap(
            conversationID: card.profile.id, from: span.lowerBound.rfc3339, to: span.upperBound.rfc3339,
            reason: "no_tokens"))
      }
      if blinded ? coverage.hasPlain : coverage.hasBlinded {
        gaps.append(
          SearchReply.Gap(
            conversationID: card.profile.id, from: nil, to: nil,
            reason: blinded ? "plain_tokens_not_searched" : "blinded_tokens_need_key"))
      }
    }
    if case .everything = request.query { gaps = [] }  // filters see every message, with or without tokens
    return SearchReply.Coverage(complete: lag == 0 && gaps.isEmpty, indexLagEvents: lag, gaps: gaps)
  }

  /// Gaps told at most; beyond that `complete` is false all the same.
  private static let gapsMax = 200

  /// A gap is told only as far as the reader's own windows reach.
  private func clipped(_ span: ClosedRange<Timestamp>?, to windows: [MembershipWindow]?) -> ClosedRange<
    Timestamp
  >? {
    guard let span else { return nil }
    guard let windows else { return span }
    let seen = windows.filter { $0.from <= span.upperBound && span.lowerBound < $0.until }
    guard let first = seen.first, let last = seen.last else { return nil }
    let from = max(span.lowerBound, first.from)
    return from...max(from, min(span.upperBound, last.until))
  }
}
