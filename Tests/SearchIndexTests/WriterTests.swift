import Model
import SearchIndex
import Testing

@Suite("Applying operations")
struct WriterTests {
  let scratch = Scratch()

  func open(groups: Int = 1) throws -> SearchIndex {
    try SearchIndex(directory: scratch.path, groups: groups)
  }

  static func code(_ expected: SearchIndexError.Code, _ body: () async throws -> Void) async {
    do {
      try await body()
      Issue.record("expected \(expected.rawValue)")
    } catch let error as SearchIndexError {
      #expect(error.code == expected)
    } catch {
      Issue.record("expected \(expected.rawValue), got \(error)")
    }
  }

  @Test("a group that was never written to holds nothing and stays unmade")
  func unwritten() async throws {
    let index = try open(groups: 3)
    #expect(try await index.position(group: 2) == 0)
    #expect(try await index.documentCount(group: 2) == 0)
    #expect(try await index.search(Sample.query(.everything)).hits == [])
    #expect(try await index.check() == [])
    #expect(Scratch.names(in: scratch.path) == [])
    await index.close()
  }

  @Test("with as many generations as there can be the hot one grows on, and merging makes room again")
  func full() async throws {
    var limits = GenerationLimits()
    limits.hotDocuments = 1
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    let count = Int64(SearchIndex.olderGenerationsMax + 3)
    for sequence in 1...count {
      try await index.apply([.put(Sample.message(sequence, "ab"))], group: 0, upTo: sequence)
    }
    let full = try await index.generations(group: 0)
    #expect(full.map(\.documents) == [3] + [Int](repeating: 1, count: SearchIndex.olderGenerationsMax))
    #expect(try await index.search(Sample.query(.everything)).matches == count)
    try await index.settle(group: 0)
    #expect(try await index.generations(group: 0).count < 12)
    #expect(try await index.search(Sample.query(.everything)).matches == count)
    #expect(try await index.check() == [])
    await index.close()
  }

  @Test("edits take the old version's place, deletions take it out, both may be repeated")
  func edits() async throws {
    let index = try open()
    try await index.apply(
      (1...3).map { .put(Sample.message($0, "ab c")) } + [.delete(sequence: 99)], group: 0, upTo: 4)
    try await index.apply([.put(Sample.message(2, "d e")), .delete(sequence: 3)], group: 0, upTo: 6)
    #expect(try await index.search(Sample.query(.term(Sample.word("ab")))).sequences == [1])
    #expect(
      try await index.search(Sample.query(.phrase([Sample.word("d"), Sample.word("e")]))).sequences == [2])
    #expect(try await index.documentCount(group: 0) == 2)
    #expect(try await index.position(group: 0) == 6)
    #expect(try await index.check() == [])
    await index.close()
  }

  @Test("a replay of what is committed does nothing, once it is past it goes on")
  func replay() async throws {
    let index = try open()
    #expect(try await index.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 5))
    #expect(try await index.apply([.delete(sequence: 1)], group: 0, upTo: 5) == false)
    #expect(try await index.apply([.delete(sequence: 1)], group: 0, upTo: 4) == false)
    #expect(try await index.documentCount(group: 0) == 1)
    #expect(
      try await index.apply([.put(Sample.message(1, "ab")), .put(Sample.message(2, "b"))], group: 0, upTo: 6))
    #expect(try await index.documentCount(group: 0) == 2)
    await index.close()
  }

  @Test("an index that is let go without closing loses nothing that was applied")
  func abandoned() async throws {
    do {
      let index = try open()
      try await index.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 1)
    }
    let index = try open()
    #expect(try await index.position(group: 0) == 1)
    #expect(try await index.apply([.put(Sample.message(2, "ab"))], group: 0, upTo: 2))
    #expect(try await index.search(Sample.query(.term(Sample.word("ab")))).sequences == [2, 1])
    await index.close()
  }

  @Test(
    "a term Xapian cannot store is refused with its document, and the index stays as it was",
    arguments: [
      [], [UInt8](repeating: 0x61, count: 201), [UInt8](repeating: 0, count: 123),
      [UInt8](repeating: 0x61, count: 190) + [UInt8](repeating: 0, count: 10)
        + [UInt8](repeating: 0x62, count: 60),
    ])
  func poison(term: [UInt8]) async throws {
    let index = try open()
    try await index.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 1)
    let before = try await index.fingerprint(group: 0)
    for isPositioned in [false, true] {
      var bad = Sample.message(3, "ab")
      if isPositioned { bad.positioned.append(term) } else { bad.terms.append(term) }
      do {
        try await index.apply(
          [.put(Sample.message(2, "ab")), .put(bad), .delete(sequence: 1)], group: 0, upTo: 4)
        Issue.record("expected bad_term")
      } catch let error as SearchIndexError {
        #expect(error.code == .badTerm)
        #expect(error.sequence == 3)
      }
    }
    #expect(try await index.fingerprint(group: 0) == before)
    #expect(try await index.apply([.put(Sample.message(2, "ab"))], group: 0, upTo: 4))
    #expect(try await index.search(Sample.query(.term(Sample.word("ab")))).sequences == [2, 1])
    await index.close()
  }

  @Test("the longest terms are stored and found", arguments: [0x61, 0x00])
  func longest(byte: UInt8) async throws {
    let index = try open()
    let term = [UInt8](repeating: byte, count: byte == 0 ? 122 : 200)
    var document = Sample.message(1, "ab")
    document.terms.append(term)
    document.positioned.append(term)
    try await index.apply([.put(document)], group: 0, upTo: 1)
    #expect(try await index.search(Sample.query(.phrase([Sample.word("ab"), term]))).sequences == [1])
    await index.close()
  }

  @Test("sequences, times and positions out of range are refused")
  func ranges() async throws {
    let index = try open()
    for sequence in [Int64(0), -1, 1 << 31, .max] {
      await Self.code(.badBatch) {
        try await index.apply([.put(Sample.message(sequence, "ab", seconds: 0))], group: 0, upTo: 1)
      }
      await Self.code(.badBatch) { try await index.apply([.delete(sequence: sequence)], group: 0, upTo: 1) }
    }
    var late = Sample.message(1, "ab")
    late.createdAt = Timestamp(microseconds: .max)
    await Self.code(.badBatch) { try await index.apply([.put(late)], group: 0, upTo: 1) }
    await Self.code(.badBatch) { try await index.apply([], group: 0, upTo: 1 << 41) }
    #expect(try await index.position(group: 0) == 0)
    await index.close()
  }

  @Test("one writer at a time: a second is told, readers are not in its way, closing lets it in")
  func locking() async throws {
    let first = try open()
    let second = try open()
    try await first.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 1)
    await Self.code(.locked) { try await second.apply([.put(Sample.message(2, "ab"))], group: 0, upTo: 2) }
    await Self.code(.locked) { try await second.purge(sequences: [1], group: 0) }
    await Self.code(.locked) { try await second.reset(group: 0) }
    #expect(try await second.search(Sample.query(.everything)).sequences == [1])
    await first.close()
    await Self.code(.closed) { try await first.apply([], group: 0, upTo: 2) }
    await Self.code(.closed) { _ = try await first.search(Sample.query(.everything)) }
    #expect(try await second.apply([.put(Sample.message(2, "ab"))], group: 0, upTo: 2))
    await second.close()
  }

  @Test("an index rebuilt in batches of any size has the same fingerprint", arguments: [1, 7, 500])
  func rebuild(batch: Int) async throws {
    var random = Random(seed: 1)
    var documents = (1...200).map { Sample.document(Int64($0), &random, seconds: $0 / 3) }
    let index = try open(groups: 2)
    try await index.apply(documents.map { .put($0) } + [.delete(sequence: 9)], group: 0, upTo: 201)
    documents.remove(at: 8)
    for start in stride(from: 0, to: documents.count, by: batch) {
      let stretch = documents[start..<min(start + batch, documents.count)]
      try await index.apply(stretch.map { .put($0) }, group: 1, upTo: Int64(start + stretch.count))
    }
    let whole = try await index.fingerprint(group: 0)
    #expect(try await index.fingerprint(group: 1) == whole)
    try await index.apply([.delete(sequence: 10)], group: 1, upTo: 300)
    #expect(try await index.fingerprint(group: 1) != whole)
    await index.close()
  }
}
