import Foundation

/// Times and answers of one contestant, over the whole mix.
struct BenchMeasuring: Sendable {
  /// A case ends once it took so long, if it has at least ``answersMin``.
  let secondsPerCase: Double

  private static let answersMin = 1
  private static let warming = 1

  struct Outcome<Answer: Sendable>: Sendable {
    var times: [LatencySample] = []
    /// By case and query.
    var answers: [[Answer]] = []
  }

  /// One query after another, `count` by case.
  func run<Answer: Sendable>(
    _ counts: [Int], _ answer: (_ item: Int, _ query: Int) async throws -> Answer
  ) async throws -> Outcome<Answer> {
    var outcome = Outcome<Answer>()
    for (item, count) in counts.enumerated() {
      let watch = Stopwatch()
      for query in 0..<min(Self.warming, count) where watch.seconds < secondsPerCase {
        _ = try await answer(item, query)
      }
      var times: [Double] = []
      var answers: [Answer] = []
      for query in 0..<count {
        if times.count >= Self.answersMin, watch.seconds > secondsPerCase { break }
        let one = Stopwatch()
        let found = try await answer(item, query)
        times.append(one.seconds)
        answers.append(found)
      }
      outcome.times.append(LatencySample(times))
      outcome.answers.append(answers)
    }
    return outcome
  }

  /// The whole mix by several readers at once, over and over until `isOver`; what fails is counted, not thrown.
  static func condition(
    _ name: String, readers: Int, _ counts: [Int], isOver: @escaping @Sendable (Double) -> Bool,
    _ answer: @escaping @Sendable (_ reader: Int, _ item: Int, _ query: Int) async throws -> Void
  ) async -> BenchCondition? {
    let watch = Stopwatch()
    let found = await withTaskGroup(of: (times: [Double], failed: Int).self) { tasks in
      for reader in 0..<readers {
        tasks.addTask {
          await answers(of: reader, counts, isOver: { isOver(watch.seconds) }, answer)
        }
      }
      return await tasks.reduce(into: (times: [Double](), failed: 0)) { sum, part in
        sum.times += part.times
        sum.failed += part.failed
      }
    }
    guard !found.times.isEmpty else { return nil }
    return BenchCondition(
      name: name, readers: readers, times: LatencySample(found.times),
      answersPerSecond: Double(found.times.count) / watch.seconds, failed: found.failed)
  }

  private static func answers(
    of reader: Int, _ counts: [Int], isOver: () -> Bool,
    _ answer: (_ reader: Int, _ item: Int, _ query: Int) async throws -> Void
  ) async -> (times: [Double], failed: Int) {
    var times: [Double] = []
    var failed = 0
    // Each begins elsewhere, and goes through the cases in turn.
    var place = reader * 7
    while !isOver() {
      let item = place % counts.count
      let query = (place / counts.count) % counts[item]
      place += 1
      let one = Stopwatch()
      do {
        try await answer(reader, item, query)
        times.append(one.seconds)
      } catch {
        failed += 1
      }
    }
    return (times, failed)
  }
}

/// Compares what contestants answered.
struct BenchEquality: Sendable {
  let cases: [BenchCase]
  /// Of documents, by ordinal less one. Among equal ones, contestants may differ in order and in which they keep.
  let times: [Int64]

  /// - Throws: a `BenchError` that names the first case where the peer answered something else.
  func check(_ ours: BenchAnswers, _ theirs: BenchAnswers, of peer: String) throws {
    for (item, (mine, other)) in zip(cases, zip(ours, theirs)) {
      for (number, (left, right)) in zip(mine, other).enumerated() where !isSame(left, right) {
        let place = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        throw BenchError(
          """
          \(peer) answered something else: \(item.text), query \(number): \(right.count) answers to our \
          \(left.count), different from place \((place ?? min(left.count, right.count)) + 1) on
          """)
      }
    }
  }

  private func isSame(_ left: [Int64], _ right: [Int64]) -> Bool {
    if left == right { return true }
    func time(_ ordinal: Int64) -> Int64 { times[Int(ordinal) - 1] }
    guard left.map(time) == right.map(time), let last = left.last.map(time) else { return false }
    // A full page may end anywhere among documents of its last time.
    let isFull = left.count == BenchQuery.limit
    return Set(left.filter { !isFull || time($0) > last }) == Set(right.filter { !isFull || time($0) > last })
  }
}

/// Between a document's time and its number.
struct BenchCalendar: Sendable {
  private(set) var times: [Int64] = []

  mutating func add(_ document: BenchDocument) { times.append(document.createdAt) }

  /// The ordinals of documents by their times.
  func ordinals(_ created: [Int64]) throws -> [Int64] {
    try created.map { time in
      var (low, high) = (0, times.count)
      while low < high {
        let middle = (low + high) / 2
        if times[middle] < time { low = middle + 1 } else { high = middle }
      }
      guard low < times.count, times[low] == time else {
        throw BenchError("an answer names a document that was never put in")
      }
      return Int64(low + 1)
    }
  }
}
