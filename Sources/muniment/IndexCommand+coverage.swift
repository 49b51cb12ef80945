import Catalog
import Search

/// What searches of a tenant cannot see in one group: conversations by the reason a reply gives.
struct TenantRow: Encodable {
  let group: Int
  let tenant: String
  let conversations: Int
  /// Conversations by reason.
  let gaps: [String: Int]
  let unknownGenerations: Int
  let refusedMessages: Int
  let unreadableMessages: Int

  private enum CodingKeys: String, CodingKey {
    case tenant, conversations, gaps
    case unknownGenerations = "generations_unknown"
    case refusedMessages = "not_indexed_messages"
    case unreadableMessages = "archive_unreadable_messages"
  }

  init(_ coverage: TenantCoverage) {
    let count = coverage.count
    group = count.group
    tenant = coverage.tenant
    conversations = count.conversations
    gaps = [
      "no_tokens": count.withoutTokens, "blinded_tokens_need_key": count.blinded,
      "plain_tokens_not_searched": count.mixed, "generation_not_asked": count.rotated,
    ].filter { $0.value > 0 }
    unknownGenerations = count.unknownGenerations
    refusedMessages = count.refused
    unreadableMessages = count.unreadable
  }

  /// All groups together, by tenant.
  static func text(of rows: [TenantRow]) -> String {
    Dictionary(grouping: rows, by: \.tenant).sorted { $0.key < $1.key }
      .map { Self.text($0.key, $0.value) }.joined(separator: "\n")
  }

  private static let meanings = [
    ("no_tokens", "with messages without tokens, which no query by words finds"),
    ("blinded_tokens_need_key", "with blinded tokens, which need a client's key"),
    ("plain_tokens_not_searched", "with both plain and blinded tokens, which need a query each"),
    ("generation_not_asked", "with several generations of keys, which need a set each"),
  ]

  private static func text(_ tenant: String, _ rows: [TenantRow]) -> String {
    func sum(_ number: (TenantRow) -> Int) -> Int { rows.reduce(0) { $0 + number($1) } }
    var lines = ["tenant \(tenant): conversations \(sum(\.conversations))"]
    for (reason, meaning) in meanings {
      let number = sum { $0.gaps[reason] ?? 0 }
      if number > 0 { lines.append("  \(reason): \(number) \(meaning)") }
    }
    let unknown = sum(\.unknownGenerations)
    if unknown > 0 {
      lines.append("  not all generations are known of \(unknown); next: muniment index reconcile --deep")
    }
    let (refused, unreadable) = (sum(\.refusedMessages), sum(\.unreadableMessages))
    if refused + unreadable > 0 {
      lines.append(
        "  not_indexed: \(refused) messages, archive_unreadable: \(unreadable) messages; next: "
          + "muniment index catch-up --retry")
    }
    return lines.joined(separator: "\n")
  }
}
