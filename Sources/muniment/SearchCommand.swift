import Catalog
import ArgumentParser
import History
import Ingestion
import Model
import Runtime
import Search
import SearchTokens

struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Search the history a member may read, newest first.",
    discussion: """
      Bare words must all occur; "phrase", OR, -word, word*, ( ), from:, in:, before:, after:, on:,
      has:link|file|image|reaction, is:edited|thread, with:. With --token-key the query is blinded here, and sealed bodies are opened
      here, as the member's device would.
      """)

  @Argument(help: "What to look for.")
  var query: String
  @OptionGroup var common: CommonOptions
  @OptionGroup var tenancy: TenantOptions
  @Option(name: .customLong("as"), help: "The member who searches.")
  var member: String
  @Option(name: .customLong("in"), help: "Only in this conversation; repeatable.")
  var conversations: [String] = []
  @Option(help: "Only from this subject; repeatable.")
  var from: [String] = []
  @Option(help: "Only before this time (RFC 3339 or a date).")
  var before: String?
  @Option(help: "Only after this time.")
  var after: String?
  @Option(help: "Only messages that name this thread.")
  var thread: String?
  @Option(help: "bounded counts to 1,000 matches, exact counts all.")
  var count = "bounded"
  @Option(help: "Hits a page (1 to 200).")
  var limit = 50
  @Option(help: "Go on where an earlier page ended.")
  var cursor: String?
  @Option(help: "newest or relevance.")
  var sort = "newest"
  @Option(
    name: .customLong("facet"),
    help: "Also count matches by conversation, sender, month or attachment; repeatable.")
  var facets: [String] = []
  @Option(help: "Key file of a client; the query is blinded with it.")
  var tokenKey: String?
  @Flag(help: "With --token-key: the messages have bigram tokens.")
  var bigrams = false
  @Flag(help: "With --token-key: the messages have prefix tokens.")
  var prefixes = false
  @Option(help: "With --token-key: only this generation of keys; repeatable. Otherwise all there are.")
  var generation: [UInt32] = []

  func validate() throws {
    guard tokenKey != nil || generation.isEmpty else {
      throw ValidationError("--generation is of the keys that --token-key gives")
    }
    guard SearchRequest.Sort(rawValue: sort) != nil else {
      throw ValidationError("--sort takes newest or relevance")
    }
    guard facets.allSatisfy({ SearchRequest.Facet(rawValue: $0) != nil }) else {
      throw ValidationError("--facet takes conversation, sender, month or attachment")
    }
    guard SearchRequest.Count(rawValue: count) != nil else {
      throw ValidationError("--count takes bounded or exact")
    }
    guard (1...SearchRequest.limitMax).contains(limit) else {
      throw ValidationError("--limit takes 1 to 200")
    }
  }

  private func time(_ text: String?, _ option: String) throws -> QueryTime? {
    guard let text else { return nil }
    guard let time = QueryTime(text) else {
      throw ValidationError("\(option) takes an RFC 3339 time or a date")
    }
    return time
  }

  private func parsed() throws -> ParsedQuery {
    var parsed = try ParsedQuery(query)
    parsed.in += conversations
    parsed.from += from
    parsed.before = try time(before, "--before") ?? parsed.before
    parsed.after = try time(after, "--after") ?? parsed.after
    return parsed
  }

  func run() async throws {
    let parsed = try parsed()
    try await Application.with(try common.settings()) { application in
      let tenant = try await application.tenant(tenancy.tenant)
      let directory = application.directory(tenant)
      guard let subject = try await directory.subject(member) else { throw SearchError.unknownMember }
      let search = application.search(directory)
      let reply: SearchReply
      if let tokenKey {
        let client = BlindedClient(
          master: try TokenKeyFile.open(tokenKey, creating: false), tenant: tenant.name, bigrams: bigrams,
          prefixes: prefixes)
        let keys = try await keys(application, directory, subject, parsed)
        reply = try await client.search(parsed, keys: keys, adjust: adjust) {
          try await search.search($0, reader: .member(subject))
        }
      } else {
        var request = try SearchRequest(parsed)
        try adjust(&request)
        reply = try await search.search(request, reader: .member(subject))
      }
      try common.output.value(reply, text: Self.text(reply))
    }
  }

  /// What the options say beside the query.
  private func adjust(_ request: inout SearchRequest) throws {
    request.threadID = thread
    request.count = SearchRequest.Count(rawValue: count) ?? .bounded
    request.sort = SearchRequest.Sort(rawValue: sort) ?? .newest
    request.facets = Set(facets.compactMap { SearchRequest.Facet(rawValue: $0) })
    request.limit = limit
    request.cursor = try cursor.map { try Cursor(text: $0) }
  }

  /// The conversations and generations a client would hold keys of.
  private func keys(
    _ application: Application, _ directory: Directory, _ subject: SubjectID, _ parsed: ParsedQuery
  ) async throws -> [ConversationGeneration] {
    var cards: [ConversationCard] = []
    if parsed.in.isEmpty {
      let windows = try await Authorization(database: application.database, tenant: directory.tenant)
        .windows(of: subject)
      cards = try await directory.cards(Set(windows.keys)).values.sorted { $0.profile.id < $1.profile.id }
    } else {
      for name in parsed.in { if let card = try await directory.conversation(name) { cards.append(card) } }
    }
    let known = try await application.search(directory).generations(in: cards.map(\.conversation))
    return cards.flatMap { card in
      (generation.isEmpty ? known[card.conversation] ?? [CorpusClient.generation] : generation)
        .map { ConversationGeneration(conversation: card.profile.id, generation: $0) }
    }
  }

  private static func lines(_ facets: SearchReply.Facets) -> [String] {
    let named = [
      ("conversation", facets.conversation), ("sender", facets.sender), ("month", facets.month),
      ("attachment", facets.attachment),
    ]
    return named.flatMap { name, facet -> [String] in
      guard let facet else { return [] }
      let rows = facet.buckets.map { "  \($0.count)  \($0.value)" }
      let other = facet.other.map { $0 > 0 ? ["  \($0)  others"] : [] } ?? []
      return ["by \(name)\(facet.exact ? "" : ", of those counted"):"] + rows + other
    }
  }

  /// Says no more than is known: not all were counted, or a client has yet to look at them.
  private static func counted(_ matches: SearchReply.Matches) -> String {
    guard let upper = matches.upper else { return "at least \(matches.lower) (--count exact counts all)" }
    return upper == matches.lower ? "\(upper)" : "at most \(upper)"
  }

  static func text(_ reply: SearchReply) -> String {
    var lines = reply.hits.map { "\($0.conversationID)  \($0.tier ?? "")  \(MessageText.line($0))" }
    lines.append("\(reply.hits.count) shown of \(counted(reply.matches))")
    if let ranking = reply.ranking, !ranking.complete {
      lines.append("ranked: the newest \(ranking.ranked) matches")
    }
    lines += reply.facets.map(Self.lines) ?? []
    if let cursor = reply.nextCursor { lines.append("more: --cursor \(cursor)") }
    if !reply.coverage.complete {
      let lag = reply.coverage.indexLagEvents
      lines.append(
        reply.coverage.gaps.isEmpty
          ? "not complete: the index is \(lag) events behind (muniment index catch-up)"
          : "not complete: some messages cannot be seen by this search")
      lines += reply.coverage.gaps.prefix(10).map { gap in
        "  \(gap.conversationID) \(gap.from ?? "") \(gap.to ?? ""): \(gap.reason)"
          + (gap.generation.map { " \($0)" } ?? "")
      }
      if reply.coverage.gaps.count > 10 || reply.coverage.truncated == true { lines.append("  and more") }
    }
    return lines.joined(separator: "\n")
  }
}
