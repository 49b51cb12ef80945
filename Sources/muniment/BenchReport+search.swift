import Foundation

/// One of those that are measured: the product, or what people would use in its place.
struct BenchContestant: Encodable, Sendable {
  let name: String
  /// Why it was left out; everything else is empty then.
  var skipped: String?
  /// What its figures include or leave out.
  var note: String?
  var documentsPerSecond: Double?
  /// What it wrote, by kind of file.
  var bytes: [String: Int] = [:]
  /// Of its answers, by case.
  var times: [LatencySample?] = []

  enum CodingKeys: String, CodingKey {
    case name, skipped, note, bytes
    case documentsPerSecond = "documents_per_second"
  }
}

/// Answers of one contestant: for every case and query the ordinals of the documents, newest first.
typealias BenchAnswers = [[[Int64]]]

/// The whole mix under one condition.
struct BenchCondition: Sendable {
  let name: String
  let readers: Int
  let times: LatencySample
  let answersPerSecond: Double
  let failed: Int
}

/// All that `muniment bench search` found.
struct SearchBenchReport: Encodable {
  let corpus: String
  let messages: Int
  let tokens: String
  let path: String
  let conversations: Int
  let cases: [BenchCase]
  var contestants: [BenchContestant] = []
  var conditions: [BenchCondition] = []
  var rates: [BenchMeasure] = []

  private struct CaseRow: Encodable {
    let kind: String
    let conversations: Int
    let contestant: String
    let p50_ms: Double
    let p99_ms: Double
    let answers: Int
  }

  private struct ConditionRow: Encodable {
    let condition: String
    let readers: Int
    let p50_ms: Double
    let p99_ms: Double
    let answers_per_second: Double
    let failed: Int
  }

  enum CodingKeys: String, CodingKey {
    case benchmark, corpus, messages, tokens, path, conversations, contestants, cases, conditions, rates
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode("search", forKey: .benchmark)
    try container.encode(corpus, forKey: .corpus)
    try container.encode(messages, forKey: .messages)
    try container.encode(tokens, forKey: .tokens)
    try container.encode(path, forKey: .path)
    try container.encode(conversations, forKey: .conversations)
    try container.encode(contestants, forKey: .contestants)
    let rows = contestants.flatMap { contestant in
      zip(cases, contestant.times).compactMap { item, times in
        times.map {
          CaseRow(
            kind: item.kind.rawValue, conversations: item.readerSize, contestant: contestant.name,
            p50_ms: BenchMeasure.rounded($0.median * 1e3), p99_ms: BenchMeasure.rounded($0.p99 * 1e3),
            answers: $0.count)
        }
      }
    }
    try container.encode(rows, forKey: .cases)
    try container.encode(
      conditions.map {
        ConditionRow(
          condition: $0.name, readers: $0.readers, p50_ms: BenchMeasure.rounded($0.times.median * 1e3),
          p99_ms: BenchMeasure.rounded($0.times.p99 * 1e3),
          answers_per_second: $0.answersPerSecond.rounded(), failed: $0.failed)
      }, forKey: .conditions)
    try container.encode(
      Dictionary(rates.map { ($0.name, BenchMeasure.rounded($0.value)) }) { first, _ in first },
      forKey: .rates)
  }

  var text: String {
    var lines = [
      "search: \(corpus), \(messages) messages in \(conversations) conversations, \(tokens), \(path)"
    ]
    lines += contestants.compactMap { contestant in
      contestant.skipped.map { "  SKIPPED: \(contestant.name): \($0)" }
    }
    lines += [""] + buildLines
    let measured = contestants.filter { !$0.times.isEmpty }
    let heads = measured.map(\.name)
    lines += ["", "answers of \(BenchQuery.limit), p50 / p99 in milliseconds"]
    lines += Self.table(
      [["query, reader"] + heads]
        + cases.enumerated().map { place, item in
          [item.text] + measured.map { Self.milliseconds($0.times[place]) }
        })
    if !conditions.isEmpty {
      lines += ["", "the whole mix under load"]
      lines += Self.table(
        [["condition", "readers", "p50 / p99 ms", "answers/s", "failed"]]
          + conditions.map {
            [
              $0.name, String($0.readers), Self.milliseconds($0.times), String(Int($0.answersPerSecond)),
              String($0.failed),
            ]
          })
    }
    lines += [""] + rates.map { "  \($0.name)  \(BenchMeasure.rounded($0.value))" }
    return lines.joined(separator: "\n")
  }

  private var buildLines: [String] {
    let built = contestants.filter { $0.documentsPerSecond != nil || !$0.bytes.isEmpty }
    return Self.table(
      [["contestant", "documents/s", "bytes/message", "of these"]]
        + built.map { contestant in
          let total = contestant.bytes.values.reduce(0, +)
          let parts = contestant.bytes.sorted { $0.key < $1.key }
            .map { "\($0.key) \(Self.perMessage($0.value, messages))" }
          return [
            contestant.name, contestant.documentsPerSecond.map { String(Int($0)) } ?? "-",
            total > 0 ? Self.perMessage(total, messages) : "-", parts.joined(separator: ", "),
          ]
        })
      + built.compactMap { contestant in contestant.note.map { "  \(contestant.name): \($0)" } }
  }

  private static func perMessage(_ bytes: Int, _ messages: Int) -> String {
    String(format: "%.1f", Double(bytes) / Double(max(messages, 1)))
  }

  private static func milliseconds(_ sample: LatencySample?) -> String {
    guard let sample else { return "-" }
    return String(format: "%.2f / %.2f", sample.median * 1e3, sample.p99 * 1e3)
  }

  /// Columns as wide as their widest cell.
  private static func table(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.lazy.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      "  "
        + row.enumerated().map { column, cell in
          column == row.count - 1 ? cell : cell.padding(toLength: widths[column], withPad: " ", startingAt: 0)
        }.joined(separator: "  ")
    }
  }
}
