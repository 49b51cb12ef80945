import Blocking
import Foundation
import Postgres
import Runtime

/// All that people would use in the product's place, one after another over the same documents, readers and queries.
struct SearchRivals: Sendable {
  let bench: SearchBench
  let home: BenchHome
  let documents: BenchDocuments
  let mix: BenchMix
  let calendar: BenchCalendar
  let equality: BenchEquality
  let ours: BenchAnswers

  /// A contestant that is left out is in the answer too, and says why.
  func run() async throws -> [BenchContestant] {
    var contestants: [BenchContestant] = []
    for (name, body) in [
      ("xapian", xapian), ("postgres", postgres), ("sqlite", { [try await peer("sqlite")] }),
      ("tantivy", { [try await peer("tantivy")] }),
    ] as [(String, () async throws -> [BenchContestant])] {
      guard !bench.skip.contains(name) else {
        contestants.append(BenchContestant(name: name, skipped: "asked to by --skip"))
        continue
      }
      bench.say("\(name) …")
      contestants += try await body()
    }
    return contestants
  }

  private func xapian() async throws -> [BenchContestant] {
    let tokens = bench.tokens
    let slow = BareXapian(directory: home.path + "/bare-1", groups: bench.groups)
    let one = try await slow.build(
      documents, tokens, threads: 1, most: min(bench.bareMessages, documents.count))
    let bytes = BenchLibrary.bytes(in: slow.directory)
    try FileManager.default.removeItem(atPath: slow.directory)
    let bare = BareXapian(directory: home.path + "/bare-2", groups: bench.groups)
    let two = try await bare.build(documents, tokens, threads: 2, most: documents.count)
    let (queries, readers, calendar) = (mix.queries, mix.readers, calendar)
    let since = readers.map { reader in
      Dictionary(
        uniqueKeysWithValues: reader.windows.map { (BenchTokens.identifier($0.conversation), $0.from) })
    }
    let search = try BareXapianSearch(bare, tokens, documents.vocabulary)
    let outcome = try await bench.measuring.run(queries.map(\.count)) { item, number in
      let query = queries[item][number]
      return try search.answer(query, readers[query.reader], since: since[query.reader])
    }
    let answers = try outcome.answers.map { try $0.map { try calendar.ordinals($0) } }
    try equality.check(ours, answers, of: "bare Xapian")
    try FileManager.default.removeItem(atPath: bare.directory)
    return [
      BenchContestant(
        name: "bare Xapian, 2 cores",
        note:
          "the same documents, shards and commits; conversations are ORed terms, windows looked at afterwards",
        documentsPerSecond: two.rate, bytes: [:], times: outcome.times),
      BenchContestant(
        name: "bare Xapian, 1 core", note: "over \(one.documents) documents", documentsPerSecond: one.rate,
        bytes: one.documents == documents.count ? bytes : [:]),
    ]
  }

  private func postgres() async throws -> [BenchContestant] {
    let embedded = try await EmbeddedPostgres.start(home: home.path)
    let (documents, mix, equality, ours) = (documents, mix, equality, ours)
    let measuring = bench.measuring
    do {
      let contestant = try await BenchPostgres.with(embedded.conninfo, bench.tokens) { postgres in
        let seconds = try await postgres.build(documents, mix.readers)
        let forms = try await quicker(postgres)
        let outcome = try await measuring.run(mix.queries.map(\.count)) { item, number in
          let query = mix.queries[item][number]
          return try await postgres.answer(query, mix.readers[query.reader], forms[item])
        }
        try equality.check(ours, outcome.answers, of: "PostgreSQL")
        return BenchContestant(
          name: "PostgreSQL GIN",
          note: "bigint[] under GIN, btree, memberships joined; the quicker of two statements for each case",
          documentsPerSecond: Double(documents.count) / seconds, bytes: try await postgres.bytes(),
          times: outcome.times)
      }
      await embedded.release()
      return [contestant]
    } catch {
      await embedded.release()
      throw error
    }
  }

  /// By case, the form in which a few of its queries took less time.
  private func quicker(_ postgres: BenchPostgres) async throws -> [BenchPostgres.Form] {
    var forms: [BenchPostgres.Form] = []
    for queries in mix.queries {
      var best: (form: BenchPostgres.Form, seconds: Double)?
      for form in BenchPostgres.Form.allCases {
        let watch = Stopwatch()
        for query in queries.prefix(4) {
          _ = try await postgres.answer(query, mix.readers[query.reader], form)
        }
        if watch.seconds < best?.seconds ?? .infinity { best = (form, watch.seconds) }
      }
      forms.append(best?.form ?? .joined)
    }
    return forms
  }

  private func peer(_ name: String) async throws -> BenchContestant {
    let directory = home.path + "/peers-\(name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let peers = BenchPeers(
      directory: directory, script: bench.peersScript, python: bench.python, tokens: bench.tokens,
      vocabulary: documents.vocabulary)
    try peers.write(documents)
    try peers.write(mix, secondsPerCase: bench.seconds)
    let answer = try await runBlocking { try peers.run(name) }
    try FileManager.default.removeItem(atPath: directory)
    if let cases = answer.cases {
      guard cases.count == mix.cases.count else { throw BenchError("\(name) did not answer every case") }
      try equality.check(ours, cases.map(\.answers), of: answer.name)
    }
    return BenchContestant(answer)
  }
}
