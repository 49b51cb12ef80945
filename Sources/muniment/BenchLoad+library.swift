import Model
import SearchIndex
import Synchronization

/// The mix while the index does something else.
final class LibraryLoad: Sendable {
  private let bench: SearchBench
  private let library: BenchLibrary
  private let documents: BenchDocuments
  private let compiled: [[[IndexQuery]]]
  /// Behind which new documents go, by group.
  private let sequences: Mutex<[Int64]>
  private let rounds = Atomic<Int64>(0)
  private let span: Int64

  init(
    bench: SearchBench, library: BenchLibrary, documents: BenchDocuments, compiled: [[[IndexQuery]]],
    sequences: consuming sending Mutex<[Int64]>, span: Int64
  ) {
    self.bench = bench
    self.library = library
    self.documents = documents
    self.compiled = compiled
    self.sequences = sequences
    self.span = span
  }

  func run() async throws -> [BenchCondition] {
    var conditions: [BenchCondition] = []
    for readers in [1, bench.readers] {
      conditions.append(try await measure("idle", readers) { _ in })
      conditions.append(try await measure("ingesting", readers, ingest))
    }
    conditions.append(try await measure("erasing", 1, erase))
    conditions.append(try await measure("compacting", 1, compact))
    conditions.append(try await measure("rebuilding", 1, rebuild))
    return conditions
  }

  /// The readers search as long as they are given; the work goes on until they have ended.
  private func measure(
    _ name: String, _ readers: Int,
    _ work: @escaping @Sendable (_ isOver: @Sendable () -> Bool) async throws -> Void
  ) async throws -> BenchCondition {
    bench.say("\(name), \(readers) readers …")
    let over = SharedFlag()
    let (library, compiled, seconds) = (library, compiled, bench.seconds)
    let task = Task { try await work { over.isSet } }
    let condition = await BenchMeasuring.condition(
      name, readers: readers, compiled.map(\.count), isOver: { $0 >= seconds }
    ) { _, item, number in _ = try await library.answer(compiled[item][number]) }
    over.set()
    try await task.value
    guard let condition else { throw BenchError("no search ended while \(name)") }
    return condition
  }

  /// New documents as fast as they go in.
  private func ingest(_ isOver: @Sendable () -> Bool) async throws {
    while !isOver() {
      let round = rounds.add(1, ordering: .relaxed).newValue
      var feed = BenchFeed(
        documents, library.tokens, after: sequences.withLock { $0 }, shift: round * span)
      while !isOver(), let chunk = feed.next() {
        for batch in 0..<(chunk.map(\.count).max() ?? 0) where !isOver() {
          try await library.apply(chunk.map { batch < $0.count ? [$0[batch]] : [] })
          sequences.withLock { sequences in
            for (group, batches) in chunk.enumerated() where batch < batches.count {
              sequences[group] = batches[batch].last?.sequence ?? sequences[group]
            }
          }
        }
      }
    }
  }

  /// One sender after another.
  private func erase(_ isOver: @Sendable () -> Bool) async throws {
    var sender: Int64 = 0
    while !isOver() {
      sender += 1
      for group in 0..<bench.groups where !isOver() {
        try await library.index.purge(
          sender: SubjectID(rawValue: BenchTokens.identifier(sender)), group: group)
      }
    }
  }

  private func compact(_ isOver: @Sendable () -> Bool) async throws {
    while !isOver() {
      for group in 0..<bench.groups where !isOver() {
        try await library.index.compact(group: group)
      }
    }
  }

  /// The documents once more, into generations beside those that are searched, and then in their place.
  private func rebuild(_ isOver: @Sendable () -> Bool) async throws {
    while !isOver() {
      var feed = BenchFeed(documents, library.tokens, groups: bench.groups)
      while !isOver(), let chunk = feed.next() {
        for (group, batches) in chunk.enumerated() {
          for batch in batches where !isOver() {
            try await library.index.applyToRebuild(
              batch.map { .put($0) }, group: group, upTo: batch[batch.count - 1].sequence)
          }
        }
      }
      guard !isOver() else { return }
      for group in 0..<bench.groups { _ = try await library.index.publishRebuild(group: group) }
      let sequences = feed.sequences
      self.sequences.withLock { $0 = sequences }
    }
  }
}
