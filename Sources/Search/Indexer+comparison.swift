import Catalog
import History
import Model
import Postgres
import SearchIndex

/// Messages that look different in the index than in the catalogue, of one group, until they are looked at again.
struct IndexSuspects: Sendable {
  private(set) var keys: [Int64: MessageKey?] = [:]
  private(set) var isFull = false

  /// More than these are not put right one by one.
  static let countMax = 10_000

  mutating func add(_ sequence: Int64, _ key: MessageKey?) {
    guard keys.count < Self.countMax || keys[sequence] != nil else { return isFull = true }
    keys[sequence] = .some(key)
  }
}

/// A bit a sequence.
private struct SequenceSet: Sendable {
  private var words: [UInt64]

  init(upTo last: Int64) { words = [UInt64](repeating: 0, count: Int(max(0, last)) / 64 + 1) }

  mutating func insert(_ sequence: Int64) {
    let place = Int(sequence / 64)
    if words.indices.contains(place) { words[place] |= 1 << UInt64(sequence % 64) }
  }

  func contains(_ sequence: Int64) -> Bool { words[Int(sequence / 64)] & 1 << UInt64(sequence % 64) != 0 }
}

extension Indexer {
  /// Rows of the catalogue looked at together.
  private static let rowsAtOnce = 5_000
  /// Sequences the index is asked of together.
  private static let sequencesAtOnce: Int64 = 50_000
  /// Documents whose content is compared in one reading of all postings: about 40 bytes each.
  private static let digestsAtOnce = 250_000

  /// Compares every message the catalogue has with every document the index has, as far as the index had come when it
  /// began: that what is there is there, and where; and the words of messages that were changed, or with `deep` of all.
  /// Memory: a bit for each step of the feed, and what ``IndexSuspects`` holds.
  ///
  /// What looks different is looked at again once the index has come as far as the catalogue, so that what changes
  /// meanwhile is no difference.
  package func compare(deep: Bool) async throws -> IndexComparison {
    var ends: [Int64] = []
    for group in 0..<groups { ends.append(try await index.position(group: group)) }
    var comparison = IndexComparison()
    var suspects = [IndexSuspects](repeating: IndexSuspects(), count: groups)
    let live = try await compareMessages(ends, &suspects, &comparison)
    for group in 0..<groups {
      try await findUnknown(group, upTo: ends[group], live[group], &suspects[group])
      try await compareContents(group, upTo: ends[group], deep: deep, &suspects[group])
    }
    try await catchUp()
    for group in 0..<groups {
      if suspects[group].isFull { comparison.beyondHealing.insert(group) }
      comparison.differences += try await confirmed(group, suspects[group])
    }
    return comparison
  }

  /// From the catalogue to the index. Returns the sequences of all messages that may be in it, by group.
  private func compareMessages(
    _ ends: [Int64], _ suspects: inout [IndexSuspects], _ comparison: inout IndexComparison
  ) async throws -> [SequenceSet] {
    var live = ends.map { SequenceSet(upTo: $0) }
    var cursor: MessageKey?
    while true {
      let start = cursor
      let batch = try await database.transaction { tx in
        try Locators.scan(
          tenant: nil, states: [.live, .deleted, .expired, .erased, .restricted], after: start,
          limit: Self.rowsAtOnce, in: tx)
      }
      guard let last = batch.last else { return live }
      cursor = last.key
      comparison.compared += batch.count
      for (group, locators) in Dictionary(grouping: batch, by: { $0.route.group(of: groups) }) {
        let sequences = locators.map(\.position.sequence).sorted()
        let documents = try await index.contents(of: sequences, group: group, withDigests: false)
        for locator in locators where locator.position.sequence <= ends[group] {
          let document = documents[locator.position.sequence]
          if locator.state == .live { live[group].insert(locator.position.sequence) }
          let isAsExpected = locator.state == .live ? document?.isOf(locator) ?? false : document == nil
          if !isAsExpected { suspects[group].add(locator.position.sequence, locator.key) }
        }
      }
    }
  }

  /// From the index to the catalogue: documents of no live message.
  private func findUnknown(
    _ group: Int, upTo end: Int64, _ live: SequenceSet, _ suspects: inout IndexSuspects
  )
    async throws
  {
    for first in stride(from: 1, through: end, by: Int64.Stride(Self.sequencesAtOnce)) {
      let sequences = Array(first...min(end, first + Self.sequencesAtOnce - 1))
      let documents = try await index.contents(of: sequences, group: group, withDigests: false)
      for sequence in documents.keys where !live.contains(sequence) && suspects.keys[sequence] == nil {
        suspects.add(sequence, nil)
      }
    }
  }

  /// The words of messages, in the order of the feed, which is the one they lie in in the archive.
  private func compareContents(_ group: Int, upTo end: Int64, deep: Bool, _ suspects: inout IndexSuspects)
    async throws
  {
    var position: Int64 = 0
    while position < end {
      var expected: [Int64: (digest: UInt64, key: MessageKey)] = [:]
      while position < end, expected.count < Self.digestsAtOnce {
        let start = position
        let (locators, last) = try await database.transaction { tx in
          try Feed.created(
            group: Int16(group), after: start, upTo: end, changed: !deep, limit: Self.rowsAtOnce, in: tx)
        }
        guard let last else {
          position = end
          break
        }
        position = last
        for (sequence, found) in try await digests(locators) { expected[sequence] = found }
      }
      guard !expected.isEmpty else { continue }
      let documents = try await index.contents(of: expected.keys.sorted(), group: group, withDigests: true)
      for (sequence, found) in expected where documents[sequence]?.digest != found.digest {
        suspects.add(sequence, found.key)
      }
    }
  }

  /// What the documents of messages should come to; of those that can be read.
  private func digests(_ locators: [Locator]) async throws -> [Int64: (digest: UInt64, key: MessageKey)] {
    var reading = IndexReading(locators)
    var digests: [Int64: (digest: UInt64, key: MessageKey)] = [:]
    for locator in locators {
      if case .put(let document)? = try await reading.step(of: locator, self)?.change {
        digests[document.sequence] = (document.digest, locator.key)
      }
    }
    return digests
  }

  /// The suspects that are still different, now that the index is up to date.
  private func confirmed(_ group: Int, _ suspects: IndexSuspects) async throws -> [IndexDifference] {
    let sequences = suspects.keys.keys.sorted()
    guard !sequences.isEmpty else { return [] }
    let keys = suspects.keys.values.compactMap { $0 }
    let (locators, quarantined) = try await database.transaction { tx in
      (
        try Locators.find(keys, in: tx),
        Set(
          try IndexQuarantine.list(group: Int16(group), after: 0, limit: IndexSuspects.countMax, in: tx)
            .map(\.sequence))
      )
    }
    let expected = try await digests(Array(locators.values))
    let documents = try await index.contents(of: sequences, group: group, withDigests: true)
    return sequences.compactMap { sequence in
      guard !quarantined.contains(sequence) else { return nil }
      let (key, document) = (suspects.keys[sequence] ?? nil, documents[sequence])
      let kind: IndexDifference.Kind? =
        switch (expected[sequence], document) {
        case (let wanted?, let document?): wanted.digest == document.digest ? nil : .stale
        case (.some, nil): .missing
        case (nil, .some): key == nil ? .unknown : .leftover
        case (nil, nil): nil
        }
      return kind.map { IndexDifference(group: group, sequence: sequence, key: key, kind: $0) }
    }
  }
}

extension IndexedDocument {
  fileprivate func isOf(_ locator: Locator) -> Bool {
    conversation == locator.conversation && sender == locator.sender
      && createdAt == locator.position.createdAt
  }
}
