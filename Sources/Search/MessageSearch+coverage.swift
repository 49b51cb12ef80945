import Catalog
import History
package import Model
import Postgres
import SearchIndex

extension MessageSearch {
  /// Gaps told at most; beyond that the reply is incomplete and says that there are more.
  private static let gapsMax = 200
  /// Rows of what is missing looked at for a reply.
  private static let rowsMax = 1_000
  /// Conversations asked for by their numbers at once. For more, what is missing in the tenant is asked first, which
  /// is nothing or little where a reader of 20,000 conversations is to be answered fast.
  private static let namedMax = 500
  /// Where much is missing in the tenant, a reader of more conversations than these is told what of it is seen first,
  /// and that there is more; only if none of it is the reader's are all conversations looked through.
  private static let lookedThroughMax = 5_000
  /// Steps of lag of which the conversations are told; behind more of them the reply says how many they are.
  private static let lagMax: Int64 = 1_000

  /// What this search cannot see, and why: by conversation, span of days and reason, and only as far as the reader's
  /// own windows and the times asked for reach.
  ///
  /// - Parameter positions: where the index stood before it was searched, by group.
  func coverage(_ request: SearchRequest, _ scope: Scope, _ positions: [Int16: Int64]) async throws
    -> SearchReply.Coverage
  {
    let query = coverageQuery(request, scope)
    let reach = reach(scope, query)
    let (lag, rows, waiting) = try await history.database.read { tx in
      let state = try SearchCoverage.state(query, in: tx)
      let lag = positions.reduce(0) { $0 + max(0, (state.heads[$1.key] ?? 0) - $1.value) }
      return (
        lag, state.hasGaps ? try Self.rows(query, reach, in: tx) : [],
        (1...Self.lagMax).contains(lag)
          ? try SearchCoverage.waiting(positions, tenant: query.tenant, limit: Self.rowsMax, in: tx) : []
      )
    }
    // A query of plain words finds none of the blinded tokens, of whatever generation.
    let told = reach.told((request.isBlinded ? rows : rows.map(\.ofAnyGeneration)) + waiting)
    let isTruncated = told.count > Self.gapsMax || rows.count >= Self.rowsMax || waiting.count >= Self.rowsMax
    let gaps = try await gaps(Array(told.prefix(Self.gapsMax)), isBlinded: request.isBlinded)
    return SearchReply.Coverage(
      complete: gaps.isEmpty && !isTruncated && lag <= Self.lagMax, indexLagEvents: lag, gaps: gaps,
      truncated: isTruncated ? true : nil)
  }

  private func coverageQuery(_ request: SearchRequest, _ scope: Scope) -> CoverageQuery {
    var query = CoverageQuery(tenant: directory.tenant.id, modes: [], limit: Self.rowsMax)
    switch request.query {
    // Filters see every message, with or without tokens; only of links it is the client who tells, beside its tokens.
    case .everything: query.modes = request.flags.contains("link") ? [.none] : []
    case .plain: query.modes = [.none, .blinded]
    case .blinded(let sets):
      query.modes = [.none, .plain, .blinded]
      query.asked = sets.compactMap { set in
        scope.named[set.conversationID].map { ($0.conversation, set.generation) }
      }
    }
    query.from = max(.earliest, request.after ?? .earliest)
    query.until = min(.latest, request.before ?? .latest)
    return query
  }

  private func reach(_ scope: Scope, _ query: CoverageQuery) -> CoverageReach {
    CoverageReach(windows: scope.windows, conversations: scope.only, from: query.from, until: query.until)
  }

  private static func rows(
    _ query: CoverageQuery, _ reach: CoverageReach, in tx: borrowing Transaction
  ) throws -> [CoverageGap] {
    let count = reach.conversationCount
    guard query.from < query.until, count != 0 else { return [] }
    if let count, count <= namedMax {
      return try SearchCoverage.gaps(query, conversations: reach.conversationIDs, in: tx)
    }
    let all = try SearchCoverage.gaps(query, conversations: nil, in: tx)
    guard let count, all.count >= query.limit, count <= lookedThroughMax || reach.told(all).isEmpty else {
      return all
    }
    return try SearchCoverage.gaps(query, conversations: reach.conversationIDs, in: tx)
  }

  private func gaps(_ told: [CoverageGap], isBlinded: Bool) async throws -> [SearchReply.Gap] {
    let cards = try await directory.cards(Set(told.map(\.conversation)))
    return told.compactMap { gap in
      guard let card = cards[gap.conversation] else { return nil }
      return SearchReply.Gap(
        conversationID: card.profile.id, from: gap.times.lowerBound.rfc3339, to: gap.times.upperBound.rfc3339,
        reason: gap.cause.reason(isBlinded: isBlinded), generation: gap.cause.generation)
    }
  }
}

extension MessageSearch {
  /// With what damage kept from the reply. That of the index is noted, so that its repair begins.
  func coverage(
    _ known: SearchReply.Coverage, without loss: Loss, _ request: SearchRequest, _ scope: Scope
  ) async throws -> SearchReply.Coverage {
    guard !loss.hits.isEmpty || !loss.groups.isEmpty else { return known }
    try await indexer.noteDamage(loss.groups)
    let query = coverageQuery(request, scope)
    let lost = loss.hits.map { hit in
      CoverageGap(
        conversation: hit.conversation, cause: .unreadable,
        times: hit.position.createdAt...hit.position.createdAt)
    }
    let silent = try await conversations(in: loss.groups, scope).map {
      CoverageGap(conversation: $0, cause: .damaged, times: query.from...max(query.from, query.until))
    }
    var coverage = known
    let told = reach(scope, query).told(lost + silent)
    let room = max(0, Self.gapsMax - coverage.gaps.count)
    coverage.gaps += try await gaps(Array(told.prefix(room)), isBlinded: request.isBlinded)
    if told.count > room { coverage.truncated = true }
    // Of what is nobody's business nothing is said.
    coverage.complete = coverage.complete && told.isEmpty && scope.damaged.isEmpty
    return coverage
  }

  /// Those the reader asked for whose messages are in these groups of the index; of a whole tenant no more than are
  /// told.
  private func conversations(in damaged: Set<Int>, _ scope: Scope) async throws -> [ConversationID] {
    guard !damaged.isEmpty else { return [] }
    let (groups, tenant) = (groups, directory.tenant.id)
    func isLost(_ route: RouteKey) -> Bool { damaged.contains(route.group(of: groups)) }
    if let windows = scope.windows {
      return windows.filter { $0.value.first.map { isLost($0.route) } ?? false }.map(\.key)
    }
    if let only = scope.only {
      return try await directory.cards(only).values.filter { isLost($0.route) }.map(\.conversation)
    }
    return try await history.database.read { tx in
      try Conversations.list(tenant: tenant, in: damaged, of: groups, limit: Self.gapsMax + 1, in: tx)
    }
  }

  /// The generations of keys that conversations' blinded tokens came with, from the oldest: a client has to ask for
  /// each. Those that are not known one by one are left out; coverage names them.
  package func generations(in conversations: [ConversationID]) async throws -> [ConversationID: [UInt32]] {
    let tenant = directory.tenant.id
    return try await history.database.read { tx in
      try SearchCoverage.generations(tenant: tenant, conversations: conversations, in: tx)
    }.mapValues { $0.compactMap { UInt32(exactly: $0) } }.filter { !$0.value.isEmpty }
  }
}

/// How far a reader may be told of what is missing.
struct CoverageReach: Sendable {
  /// `nil`: a reader of the whole tenant.
  let windows: [ConversationID: [MembershipWindow]]?
  /// Of such a reader, if only some are asked for.
  let conversations: Set<ConversationID>?
  let from: Timestamp
  /// Exclusive.
  let until: Timestamp

  /// `nil`: all of the tenant's.
  var conversationCount: Int? { windows?.count ?? conversations?.count }
  var conversationIDs: [ConversationID]? { windows.map { Array($0.keys) } ?? conversations.map { Array($0) } }

  /// The gaps, cut to what the reader may know, in order of conversation and time. Days that follow each other are one
  /// gap; messages that are known one by one are told by window: from the first to the last of them.
  func told(_ gaps: [CoverageGap]) -> [CoverageGap] {
    var days: [Place: [ClosedRange<Timestamp>]] = [:]
    var messages: [Place: ClosedRange<Timestamp>] = [:]
    for gap in gaps {
      for (window, times) in pieces(gap) {
        let place = Place(conversation: gap.conversation, cause: gap.cause, window: window)
        if case .tokens = gap.cause {
          days[place, default: []].append(times)
        } else {
          messages[place] = messages[place].map { $0.joined(times) } ?? times
        }
      }
    }
    let told =
      days.flatMap { place, spans in Self.merged(spans).map { place.gap($0) } }
      + messages.map { $0.key.gap($0.value) }
    return told.sorted {
      ($0.conversation, $0.times.lowerBound, $0.cause.order) < (
        $1.conversation, $1.times.lowerBound, $1.cause.order
      )
    }
  }

  private static func merged(_ spans: [ClosedRange<Timestamp>]) -> [ClosedRange<Timestamp>] {
    var merged: [ClosedRange<Timestamp>] = []
    for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, span.lowerBound.microseconds <= last.upperBound.microseconds + 1 {
        merged[merged.count - 1] = last.joined(span)
      } else {
        merged.append(span)
      }
    }
    return merged
  }

  private struct Place: Hashable {
    let conversation: ConversationID
    let cause: CoverageGap.Cause
    let window: Int

    func gap(_ times: ClosedRange<Timestamp>) -> CoverageGap {
      CoverageGap(conversation: conversation, cause: cause, times: times)
    }
  }

  private func pieces(_ gap: CoverageGap) -> [(window: Int, times: ClosedRange<Timestamp>)] {
    guard conversations?.contains(gap.conversation) ?? true else { return [] }
    guard let windows else { return cut(gap.times, from, until).map { [(0, $0)] } ?? [] }
    return (windows[gap.conversation] ?? []).enumerated().compactMap { place, window in
      cut(gap.times, max(from, window.from), min(until, window.until)).map { (place, $0) }
    }
  }

  private func cut(_ times: ClosedRange<Timestamp>, _ from: Timestamp, _ until: Timestamp) -> ClosedRange<
    Timestamp
  >? {
    let first = max(times.lowerBound, from)
    let last = min(times.upperBound, Timestamp(microseconds: until.microseconds - 1))
    return first <= last ? first...last : nil
  }
}

extension CoverageGap {
  fileprivate var ofAnyGeneration: CoverageGap {
    guard case .tokens(let kind) = cause, kind.mode == .blinded else { return self }
    return CoverageGap(
      conversation: conversation,
      cause: .tokens(TokenKind(.blinded, generation: TokenKind.unknownGeneration)), times: times)
  }
}

extension CoverageGap.Cause {
  /// As the contract names them.
  func reason(isBlinded: Bool) -> String {
    switch self {
    case .tokens(let kind):
      switch kind.mode {
      case .none: "no_tokens"
      case .plain: "plain_tokens_not_searched"
      case .blinded: isBlinded ? "generation_not_asked" : "blinded_tokens_need_key"
      }
    case .refused: "not_indexed"
    case .unreadable: "archive_unreadable"
    case .waiting: "index_behind"
    case .damaged: "index_damaged"
    }
  }

  /// Of the keys that would find the messages.
  fileprivate var generation: Int64? {
    guard case .tokens(let kind) = self, kind.mode == .blinded, kind.generation >= 0 else { return nil }
    return kind.generation
  }

  fileprivate var order: Int64 {
    switch self {
    case .tokens(let kind): Int64(kind.mode.rawValue) << 40 + kind.generation
    case .refused: 1 << 50
    case .unreadable: 1 << 51
    case .waiting: 1 << 52
    case .damaged: 1 << 53
    }
  }
}

extension ClosedRange<Timestamp> {
  fileprivate func joined(_ other: Self) -> Self {
    Swift.min(lowerBound, other.lowerBound)...Swift.max(upperBound, other.upperBound)
  }
}

extension SearchRequest {
  var isBlinded: Bool { if case .blinded = query { true } else { false } }
}
