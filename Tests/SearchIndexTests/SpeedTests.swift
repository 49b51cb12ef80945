import Glibc
import Model
import SearchIndex
import Testing

/// Run with MUNIMENT_SLOW_TESTS=1 and an optimised build for figures worth quoting.
@Suite("Speed", .serialized, .enabled(if: getenv("MUNIMENT_SLOW_TESTS") != nil))
struct SpeedTests {
  static let documents = 100_000
  static let batch = 5_000

  /// Words by a steep distribution: the first of them in most messages, the last in few.
  static func word(_ random: inout Random) -> [UInt8] {
    let spread = Double(random.below(1 << 20)) / Double(1 << 20)
    return Sample.word("w" + String(Int(pow(20_000, spread))))
  }

  @Test("100 000 messages of twelve terms are applied; members search them")
  func speed() async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    var random = Random(seed: 5)
    let conversations = (0..<1_000).map { _ in ConversationID(rawValue: Int64(bitPattern: random.next())) }
    let operations = (1...Self.documents).map { number in
      IndexOperation.put(
        IndexDocument(
          sequence: Int64(number), conversation: random.pick(conversations),
          sender: random.pick(Sample.senders),
          createdAt: Sample.time(number), terms: (0..<10).map { _ in Self.word(&random) }))
    }
    let clock = ContinuousClock()
    let applying = try await clock.measure {
      for start in stride(from: 0, to: operations.count, by: Self.batch) {
        let stretch = Array(operations[start..<(start + Self.batch)])
        try await index.apply(stretch, group: 0, upTo: Int64(start + Self.batch))
      }
    }
    print("apply: \(Int(Double(Self.documents) / (applying / .seconds(1)))) documents a second")
    for (count, countMax) in [(10, Int.max), (1_000, Int.max), (1_000, 0)] {
      let always = [ReadWindow(from: .earliest, until: .latest)]
      let scope = ReadScope.windows(
        Dictionary(uniqueKeysWithValues: conversations.prefix(count).map { ($0, always) }))
      let searching = try await clock.measure {
        for _ in 0..<500 {
          var query = Sample.query(
            .all([.term(Self.word(&random)), .term(Self.word(&random))]), scope: scope)
          query.countMax = countMax
          _ = try await index.search(query)
        }
      }
      print("search, \(count) conversations, counting to \(countMax): \(searching / 500) a query")
    }
    let purging = try await clock.measure { try await index.purge(sender: Sample.senders[0], group: 0) }
    print("purge of a quarter: \(purging)")
    await index.close()
  }
}
