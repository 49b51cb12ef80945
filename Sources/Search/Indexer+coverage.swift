import Catalog
import History
import Model
import Postgres

extension Indexer {
  /// Steps of the feed read together.
  private static let stepsAtOnce = 2_000
  /// Conversations put right in one transaction.
  private static let conversationsAtOnce = 1_000

  /// Counts anew on which days a group's messages came with which tokens: what was deleted since, or edited, is told
  /// no more. Conversations in which something happened meanwhile keep what is known of them, so that nothing is lost
  /// to a message that arrived behind the counting; and so do those of which something could not be read.
  ///
  /// Memory: about 100 bytes a conversation and day of the group.
  package func renewCoverage(group: Int) async throws {
    let end = try await database.transaction { tx in try Feed.heads(in: tx)[Int16(group)] ?? 0 }
    var (counted, damaged) = try await countedCoverage(group, upTo: end)
    var cursor: CoveredConversation?
    while true {
      let start = cursor
      let page = try await database.transaction { tx in
        try SearchCoverage.conversations(after: start, limit: Self.conversationsAtOnce, in: tx)
      }
      guard let last = page.last else { break }
      cursor = last
      let own = page.filter { $0.route.group(of: groups) == group }
      let (known, lost) = (counted, damaged)
      try await database.transaction { tx in
        try Feed.lock(groups: [Int16(group)], in: tx)
        let touched = try SearchCoverage.touched(group: Int16(group), after: end, in: tx)
        let quiet = own.filter { !touched.contains($0.conversation) && !lost.contains($0.conversation) }
        try SearchCoverage.remove(quiet, in: tx)
        for (tenant, quiet) in Dictionary(grouping: quiet, by: \.tenant) {
          var coverage = TokenCoverage()
          for one in quiet { if let part = known[tenant]?[one.conversation] { coverage.add(part) } }
          try SearchCoverage.note(coverage, tenant: tenant, in: tx)
        }
      }
      for one in own { counted[one.tenant]?[one.conversation] = nil }
    }
    try await add(counted)
  }

  /// Conversations of which nothing was known: it can only be added to.
  private func add(_ counted: [TenantID: [ConversationID: TokenCoverage]]) async throws {
    for (tenant, parts) in counted {
      let parts = Array(parts.values)
      for start in stride(from: 0, to: parts.count, by: Self.conversationsAtOnce) {
        try await database.transaction { tx in
          var coverage = TokenCoverage()
          for part in parts[start..<min(start + Self.conversationsAtOnce, parts.count)] { coverage.add(part) }
          try SearchCoverage.note(coverage, tenant: tenant, in: tx)
        }
      }
    }
  }

  private func countedCoverage(_ group: Int, upTo end: Int64) async throws
    -> (counted: [TenantID: [ConversationID: TokenCoverage]], damaged: Set<ConversationID>)
  {
    var counted: [TenantID: TokenCoverage] = [:]
    var damaged: Set<ConversationID> = []
    var position: Int64 = 0
    while position < end {
      let start = position
      let (locators, last) = try await database.transaction { tx in
        try Feed.created(
          group: Int16(group), after: start, upTo: end, changed: false, limit: Self.stepsAtOnce, in: tx)
      }
      guard let last else { break }
      position = last
      for (tenant, live) in Dictionary(grouping: locators.filter { $0.state == .live }, by: \.tenant) {
        var rest = live
        while !rest.isEmpty {
          let portion = try await history.portion(of: rest, bytesMax: limits.readBytes)
          damaged.formUnion(portion.damaged.map(\.conversation))
          counted[tenant, default: TokenCoverage()].note(portion.messages)
          rest = portion.rest(of: rest)
        }
      }
    }
    return (counted.mapValues(\.byConversation), damaged)
  }
}

extension TokenCoverage {
  fileprivate mutating func note(_ messages: [HistoricMessage]) {
    for message in messages {
      note(
        TokenKind(of: message.payload), at: message.position.createdAt, route: message.locator.route,
        conversation: message.conversation)
    }
  }
}
