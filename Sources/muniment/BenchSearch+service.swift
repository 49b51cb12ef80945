import Foundation
import Logging
import Runtime
import Search

/// The product from end to end: ingest, index, and search by calls and over HTTP, as members.
struct ServiceSearchBench: Sendable {
  let bench: SearchBench
  let home: BenchHome

  init(_ bench: SearchBench, _ home: BenchHome) {
    self.bench = bench
    self.home = home
  }

  func run() async throws -> SearchBenchReport {
    bench.say("ingest …")
    let directory = home.application.directory(home.tenant)
    let ingesting = Stopwatch()
    try await home.ingest(directory)
    let ingestSeconds = ingesting.seconds
    bench.say("index …")
    ResidentMemory.resetPeak()
    let watch = Stopwatch()
    let applied = try await home.application.indexer.catchUp()
    let seconds = watch.seconds
    let peak = ResidentMemory.peakBytes
    let scene = try await ServiceScene(bench, home, directory)
    let equality = BenchEquality(cases: scene.mix.cases, times: scene.times)
    bench.say("searches by calls …")
    let calls = try await bench.measuring.run(scene.mix.queries.map(\.count)) { item, number in
      try await scene.call(scene.mix.queries[item][number])
    }
    let answers = try calls.answers.map { try $0.map { try scene.ordinals($0) } }
    var report = SearchBenchReport(
      corpus: home.corpus.name, messages: scene.documents.count, tokens: "plain", path: "service",
      conversations: scene.documents.conversations, cases: scene.mix.cases)
    report.contestants = [
      BenchContestant(
        name: "muniment, calls", note: "feeding: from the feed, each message opened",
        documentsPerSecond: Double(applied) / seconds, bytes: BenchLibrary.bytes(in: home.path + "/index"),
        times: calls.times)
    ]
    try await overHTTP(scene, &report) { try equality.check(answers, $0, of: "muniment over HTTP") }
    report.contestants += try await SearchRivals(
      bench: bench, home: home, documents: scene.documents, mix: scene.mix, calendar: scene.calendar,
      equality: equality, ours: answers
    ).run()
    report.rates = rates(report.contestants)
    report.rates.append(
      BenchMeasure("ingest_messages_per_second", Double(home.corpus.messages) / ingestSeconds))
    report.rates.append(BenchMeasure("peak_rss_mib_while_feeding", Double(peak >> 20)))
    return report
  }

  /// The same over HTTP, and under load; the server is this process's own.
  private func overHTTP(
    _ scene: ServiceScene, _ report: inout SearchBenchReport, _ check: (BenchAnswers) throws -> Void
  ) async throws {
    bench.say("searches over HTTP …")
    let running = AsyncStream.makeStream(of: Int.self)
    let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    let application = home.application
    let serving = Task {
      try await application.serve(host: "127.0.0.1", port: 0, version: "bench", logger: logger) {
        running.continuation.yield($0)
      }
    }
    var ports = running.stream.makeAsyncIterator()
    guard let port = await ports.next() else { throw BenchError("the server did not start") }
    let clients = try scene.tokens.map { try BenchHTTP(port: port, token: $0) }
    let bodies = try scene.bodies()
    let outcome = try await bench.measuring.run(bodies.map(\.count)) { item, number in
      try await clients[scene.mix.queries[item][number].reader].post("/v1/search", bodies[item][number])
    }
    try check(try outcome.answers.map { try $0.map { try scene.ordinals(inReply: $0) } })
    report.contestants.append(BenchContestant(name: "muniment, HTTP", times: outcome.times))
    if bench.skip.contains("load") {
      report.contestants.append(BenchContestant(name: "conditions of load", skipped: "asked to by --skip"))
    } else {
      report.conditions = try await ServiceLoad(
        bench: bench, home: home, scene: scene, port: port, bodies: bodies
      )
      .run()
    }
    serving.cancel()
    // A server that was cancelled ends with an error or without one.
    _ = await serving.result
  }

  private func rates(_ contestants: [BenchContestant]) -> [BenchMeasure] {
    func rate(_ name: String) -> Double? { contestants.first { $0.name == name }?.documentsPerSecond }
    guard let ours = rate("muniment, calls") else { return [] }
    return [
      ("feed_ratio_to_bare_2_cores", "bare Xapian, 2 cores"),
      ("feed_ratio_to_bare_1_core", "bare Xapian, 1 core"),
    ].compactMap { name, peer in rate(peer).map { BenchMeasure(name, ours / $0) } }
  }
}
