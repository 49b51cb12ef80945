import ArgumentParser
import Blocking
import Catalog
import Erasure
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Tiering

/// Erasure of somebody who wrote much: how long it takes, what searches of others wait meanwhile, and whether the
/// number of segments they are in matters.
struct ErasureBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "erasure", abstract: "Erasure of a prolific author, and searches while it runs.",
    discussion: """
      Each --segments is a home of its own, in which half of all messages are the author's. The full form is \
      --messages 200000 --segments 10 --segments 1000.
      """)
  @Option(help: "Messages of the author; others write as many.")
  var messages = 20_000
  @Option(help: "Segments that all but the newest tenth of the messages lie in. Repeatable.")
  var segments = [10]
  @Option(help: "Seconds of searching before the erasure.")
  var seconds = 10.0
  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (100...1_000_000).contains(messages),
      segments.allSatisfy({ (1...10_000).contains($0) && $0 <= messages })
    else {
      throw ValidationError(
        "--messages takes 100 to 1000000, --segments 1 to 10000 and no more than messages")
    }
  }

  private struct Shown: Encodable {
    let messages: Int
    let segments: Int
    let seconds: Double
    let cleanUpSeconds: Double
    let searchP99Before: Double
    let searchP99During: Double
    let searchesDuring: Int

    enum CodingKeys: String, CodingKey {
      case messages, segments, seconds
      case cleanUpSeconds = "clean_up_seconds"
      case searchP99Before = "search_p99_milliseconds_before"
      case searchP99During = "search_p99_milliseconds_during"
      case searchesDuring = "searches_during"
    }

    var text: String {
      """
      \(messages) messages in \(segments) segments: certified after \(seconds) s, index and archive clean after \
      \(cleanUpSeconds) s more; searches p99 \(searchP99Before) ms before, \(searchP99During) ms during \
      (\(searchesDuring) searches, ratio \(BenchMeasure.rounded(searchP99During / max(searchP99Before, 0.001))))
      """
    }
  }

  func run() async throws {
    for segments in segments {
      var options = BenchOptions()
      (options.corpora, options.messages, options.seed, options.json) = ([], 100, 1, json)
      let shown = try await BenchHome.with(options, writesCorpus: false) { home in
        try await measure(ProlificAuthor(home: home, messages: messages, segments: segments))
      }
      try Output(json: json, quiet: false).value(shown, text: shown.text)
    }
  }

  private func measure(_ author: ProlificAuthor) async throws -> Shown {
    let made = try await author.make()
    let limit = seconds
    let before = await author.searches { $0 > limit }
    let done = LatestCount()
    async let during = author.searches { _ in done.value > 0 }
    async let following: Void = author.follow { done.value > 0 }
    defer { done.set(1) }
    let watch = Stopwatch()
    try await author.erase()
    let erased = watch.seconds
    let cleaning = Stopwatch()
    // As the service's jobs do.
    try await runAsLongWork {
      _ = try await author.home.application.followFeed()
      _ = try await author.home.application.archiver(author.home.tenant).compact(dryRun: false)
    }
    let cleaned = cleaning.seconds
    done.set(1)
    try await following
    let meanwhile = await during
    guard let before, let during = meanwhile, before.failed + during.failed == 0 else {
      throw BenchError("searches failed")
    }
    return Shown(
      messages: messages, segments: made, seconds: BenchMeasure.rounded(erased),
      cleanUpSeconds: BenchMeasure.rounded(cleaned),
      searchP99Before: BenchMeasure.rounded(before.times.p99 * 1_000),
      searchP99During: BenchMeasure.rounded(during.times.p99 * 1_000), searchesDuring: during.times.count)
  }
}

/// One author and many others in twenty conversations over two years.
private struct ProlificAuthor: Sendable {
  let home: BenchHome
  let messages: Int
  let segments: Int

  private static let author = "prolific-author"
  private static let words = [
    "harbour", "lantern", "copper", "meeting", "invoice", "budget", "schedule", "review",
  ]
  private static let start = Timestamp(civil: 2022, 1, 1)

  private var spacing: Int64 { 730 * 86_400 / Int64(2 * messages) }

  private func time(_ number: Int) -> Timestamp {
    Self.start.adding(seconds: Int64(number) * max(spacing, 1))
  }

  /// Returns how many segments there are.
  func make() async throws -> Int {
    let path = home.path + "/erasure.ndjson"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw BenchError("the corpus cannot be written")
    }
    for first in stride(from: 0, to: 2 * messages, by: 1_000) {
      let lines = (first..<min(first + 1_000, 2 * messages)).map(line).joined()
      try file.write(contentsOf: Data(lines.utf8))
    }
    try file.close()
    let ingestor = home.application.ingestor(home.application.directory(home.tenant))
    let taken = try await IngestRun(ingestor: ingestor, decoder: home.decoder).ingest(path)
    guard taken.accepted == 2 * messages else { throw BenchError("\(taken.accepted) messages were stored") }
    try FileManager.default.removeItem(atPath: path)
    _ = try await home.application.followFeed()
    let archiver = home.application.archiver(home.tenant)
    for number in 1...segments {
      let end = time(2 * messages / 10 * 9 * number / segments)
      _ = try await archiver.run(try await archiver.plan(before: end))
    }
    let tenant = home.tenant.id
    return try await home.application.database.read { tx in try Archive.segments(tenant: tenant, in: tx).count
    }
  }

  private func line(_ number: Int) -> String {
    let sender = number % 2 == 0 ? Self.author : "person-\(number % 199)"
    let text = "\(Self.words[number % 8]) \(Self.words[number / 8 % 8]) note \(number)"
    let room = number / 2 % 20
    return
      #"{"message_id":"m-\#(number)","conversation_id":"room-\#(room)","conversation_name":"Room \#(room)","#
      + #""sender_id":"\#(sender)","sender_name":"\#(sender)","created_at":"\#(time(number).rfc3339)","#
      + #""content":"\#(text)","content_type":"text","reply_to":null,"source":"bench"}"# + "\n"
  }

  func searches(isOver: @escaping @Sendable (Double) -> Bool) async -> BenchCondition? {
    let search = home.application.search(home.application.directory(home.tenant))
    return await BenchMeasuring.condition("searches", readers: 1, [Self.words.count], isOver: isOver) {
      _, _, query in
      var request = SearchRequest(query: .plain(.term(Self.words[query])))
      request.limit = 20
      _ = try await search.search(request, reader: .compliance)
    }
  }

  /// As the service does all the time.
  func follow(isOver: @escaping @Sendable () -> Bool) async throws {
    try await runAsLongWork {
      while !isOver() {
        _ = try await home.application.followFeed()
        try await Task.sleep(for: home.application.settings.indexPoll)
      }
    }
  }

  func erase() async throws {
    let service = home.application.erasure(home.application.directory(home.tenant))
    let row = try await service.request(subject: Self.author, reason: "bench", actor: "one")
    _ = try await service.plan(row.id)
    try await service.approve(row.id, actor: "two")
    _ = try await service.run(row.id, actor: "one")
  }
}
