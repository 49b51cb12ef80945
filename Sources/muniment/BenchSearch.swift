import ArgumentParser
import Blocking
import Catalog
import History
import Ingestion
import Model
import Runtime
import Search
import SearchIndex
import SearchTokens
import Xapian

/// Whole searches as members, against the same words looked up in the index by nobody.
struct SearchBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Search as members, beside bare lookups of the same words.")
  @OptionGroup var options: BenchOptions
  @Option(help: "Queries to measure with.")
  var queries = 1_000
  @Option(help: "Readers at the same time, for answers a second.")
  var readers = 4

  func validate() throws {
    guard (10...1_000_000).contains(queries) else { throw ValidationError("--queries takes 10 to 1000000") }
    guard (1...64).contains(readers) else { throw ValidationError("--readers takes 1 to 64") }
  }

  func run() async throws {
    try await options.run { home in
      let directory = home.application.directory(home.tenant)
      try await home.ingest(directory)
      try await home.application.indexer.catchUp()
      let drawn = try QueryDraw.queries(queries, from: home, seed: options.seed)
      let search = home.application.search(directory)
      var asked: [MemberQuery] = []
      for query in drawn {
        guard let subject = try await directory.subject(query.member) else {
          throw BenchError("a sender of the corpus is not known")
        }
        asked.append(MemberQuery(words: query.words, subject: subject))
      }
      for query in asked.prefix(50) { _ = try await query.answered(by: search) }
      ResidentMemory.resetPeak()
      var times: [Double] = []
      var matches = 0
      for query in asked {
        let watch = Stopwatch()
        matches += try await query.answered(by: search)
        times.append(watch.seconds)
      }
      let rate = try await concurrent(asked, search)
      let peak = ResidentMemory.peakBytes
      let (shards, tenant) = (try IndexShard.all(home), home.tenant.id)
      let trees = asked.map { $0.tree(tenant) }
      let bare = try await runBlocking { try BareLookup(shards).run(trees) }
      return report(home, asked.count, LatencySample(times), bare, (matches, rate, peak))
    }
  }

  /// Answers a second with several readers at once.
  private func concurrent(_ asked: [MemberQuery], _ search: MessageSearch) async throws -> Double {
    let watch = Stopwatch()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for reader in 0..<readers {
        tasks.addTask {
          for place in stride(from: reader, to: asked.count, by: readers) {
            _ = try await asked[place].answered(by: search)
          }
        }
      }
      try await tasks.waitForAll()
    }
    return Double(asked.count) / watch.seconds
  }

  private func report(
    _ home: BenchHome, _ count: Int, _ ours: LatencySample, _ bare: BareLookup.Outcome,
    _ measured: (matches: Int, rate: Double, peak: Int)
  ) -> BenchReport {
    let peer = LatencySample(bare.times)
    return BenchReport(
      benchmark: "search", corpus: home.corpus.name, messages: home.corpus.messages, unit: "answers",
      rate: 1 / ours.mean, peer: "the same words in Xapian, without authorization or messages",
      peerRate: 1 / peer.mean, peakResidentBytes: measured.peak,
      details: [
        BenchMeasure("median_us", ours.median * 1e6), BenchMeasure("p95_us", ours.p95 * 1e6),
        BenchMeasure("peer_median_us", peer.median * 1e6), BenchMeasure("peer_p95_us", peer.p95 * 1e6),
        BenchMeasure("median_ratio", ours.median / peer.median),
        BenchMeasure("matches_per_query", Double(measured.matches) / Double(count)),
        BenchMeasure("peer_matches_per_query", Double(bare.matches) / Double(count)),
        BenchMeasure("answers_per_second_\(readers)_readers", measured.rate),
      ])
  }
}

/// Words that one member looks for.
private struct MemberQuery: Sendable {
  let words: [String]
  let subject: SubjectID

  private static let limit = 50

  /// Returns the number of matches; at least the message the words were drawn from.
  func answered(by search: MessageSearch) async throws -> Int {
    let nodes = words.map { QueryNode.term($0) }
    var request = SearchRequest(query: .plain(nodes.count == 1 ? nodes[0] : .all(nodes)))
    request.limit = Self.limit
    let reply = try await search.search(request, reader: .member(subject))
    guard !reply.hits.isEmpty else { throw BenchError("a query did not find the message it was drawn from") }
    return reply.matches.estimate
  }

  /// As the binding takes it (CXapian.h): one word, or all of several.
  func tree(_ tenant: TenantID) -> [UInt8] {
    let terms = words.map { IndexTerms.word(Array($0.utf8), tenant: tenant) }
    var bytes: [UInt8] = terms.count == 1 ? [] : [5, UInt8(terms.count), 0]
    for term in terms { bytes += [1, UInt8(term.count)] + term }
    return bytes
  }
}

/// Draws queries from the corpus: a message of somebody's, and one or two of its words.
private enum QueryDraw {
  struct Query: Sendable {
    let member: String
    let words: [String]
  }

  static func queries(_ count: Int, from home: BenchHome, seed: UInt64) throws -> [Query] {
    var reader = try SourceReader(home.corpus.path)
    let decoder = CorpusDecoder()
    let tokenizer = Tokenizer()
    var random = SplitMix64(seed: seed)
    // Reservoir sampling over the messages that have words.
    var chosen: [CorpusMessage] = []
    var seen = 0
    while let line = try reader.next() {
      guard let bytes = line.bytes, let message = try? decoder.decode(bytes), !message.content.isEmpty else {
        continue
      }
      seen += 1
      if chosen.count < count {
        chosen.append(message)
      } else if case let place = Int(random.next() % UInt64(seen)), place < count {
        chosen[place] = message
      }
    }
    let queries = chosen.compactMap { message -> Query? in
      let words = tokenizer.tokens(in: message.content).words
      guard let first = words.randomElement(using: &random), let second = words.randomElement(using: &random)
      else {
        return nil
      }
      // Every third asks for two words.
      let pair = random.next() % 3 == 0 && first != second
      return Query(member: message.senderID, words: pair ? [first, second] : [first])
    }
    guard !queries.isEmpty else { throw BenchError("the corpus has no words to look for") }
    return queries
  }
}

/// The binding alone: every match in every shard, and the newest fifty.
private struct BareLookup {
  private let readers: [XapianReader]

  struct Outcome: Sendable {
    var times: [Double] = []
    var matches = 0
  }

  init(_ shards: [IndexShard]) throws { readers = try shards.map { try XapianReader($0.directory) } }

  func run(_ trees: [[UInt8]]) throws -> Outcome {
    for tree in trees.prefix(50) { _ = try matches(tree) }
    var outcome = Outcome()
    for tree in trees {
      let watch = Stopwatch()
      outcome.matches += try matches(tree)
      outcome.times.append(watch.seconds)
    }
    return outcome
  }

  private func matches(_ tree: [UInt8]) throws -> Int {
    try readers.reduce(0) { sum, reader in
      try reader.refresh()
      let search = XapianSearch(tree: tree, windows: nil, limit: 51, deadline: XapianClock.now + 10_000_000)
      return try sum + reader.search(search).matches
    }
  }
}
