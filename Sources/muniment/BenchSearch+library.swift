import Foundation
import SearchIndex
import Synchronization

/// The index by itself, over any number of documents.
struct LibrarySearchBench: Sendable {
  let bench: SearchBench
  let home: BenchHome

  init(_ bench: SearchBench, _ home: BenchHome) {
    self.bench = bench
    self.home = home
  }

  func run() async throws -> SearchBenchReport {
    bench.say("documents …")
    let documents = try bench.documents()
    let (census, calendar) = count(documents)
    let mix = try census.mix(
      each: bench.queries, conversations: documents.conversations, blinded: bench.blinded,
      vocabulary: documents.vocabulary)
    bench.say("index …")
    let library = try BenchLibrary(
      home.path + "/library", groups: bench.groups, bench.tokens, documents.vocabulary)
    ResidentMemory.resetPeak()
    let built = try await library.build(documents, groups: bench.groups)
    let peak = ResidentMemory.peakBytes
    var contestant = BenchContestant(
      name: "muniment, library", note: "sizes are those of sealed generations",
      documentsPerSecond: Double(documents.count) / built.feeding, bytes: built.bytes)
    bench.say("searches …")
    let compiled = library.compiled(mix)
    let outcome = try await bench.measuring.run(compiled.map(\.count)) { item, number in
      try await library.answer(compiled[item][number])
    }
    let answers = try outcome.answers.map { try $0.map { try calendar.ordinals($0) } }
    contestant.times = outcome.times
    var report = SearchBenchReport(
      corpus: documents.name, messages: documents.count, tokens: bench.blinded ? "blinded" : "plain",
      path: "library", conversations: documents.conversations, cases: mix.cases)
    report.contestants =
      try await [contestant]
      + SearchRivals(
        bench: bench, home: home, documents: documents, mix: mix, calendar: calendar,
        equality: BenchEquality(cases: mix.cases, times: calendar.times), ours: answers
      ).run()
    report.rates = rates(report.contestants, built, peak)
    if bench.skip.contains("load") {
      report.contestants.append(BenchContestant(name: "conditions of load", skipped: "asked to by --skip"))
    } else {
      bench.say("load …")
      let load = LibraryLoad(
        bench: bench, library: library, documents: documents, compiled: compiled,
        sequences: Mutex(built.sequences), span: (calendar.times.last ?? 0) - (calendar.times.first ?? 0) + 1)
      report.conditions = try await load.run()
    }
    await library.index.close()
    return report
  }

  private func count(_ documents: BenchDocuments) -> (BenchCensus, BenchCalendar) {
    var census = BenchCensus(words: documents.vocabulary.words.count, seed: bench.options.seed)
    var calendar = BenchCalendar()
    var stream = documents.stream()
    while let document = stream.next() {
      census.add(document)
      calendar.add(document)
    }
    return (census, calendar)
  }

  private func rates(_ contestants: [BenchContestant], _ built: BenchLibrary.Built, _ peak: Int)
    -> [BenchMeasure]
  {
    func rate(_ name: String) -> Double? { contestants.first { $0.name == name }?.documentsPerSecond }
    let count = Double(max(bench.options.messages, 1))
    var rates = [
      BenchMeasure("peak_rss_mib_while_feeding", Double(peak >> 20)),
      BenchMeasure("sealed_documents_per_second", count / built.sealing),
      BenchMeasure("bytes_per_message_as_fed", Double(built.fedBytes.values.reduce(0, +)) / count),
    ]
    guard let ours = rate("muniment, library") else { return rates }
    for (name, peer) in [
      ("feed_ratio_to_bare_2_cores", "bare Xapian, 2 cores"),
      ("feed_ratio_to_bare_1_core", "bare Xapian, 1 core"),
    ] {
      if let theirs = rate(peer) { rates.append(BenchMeasure(name, ours / theirs)) }
    }
    return rates
  }
}
