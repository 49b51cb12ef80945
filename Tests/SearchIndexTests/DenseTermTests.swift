import Model
import SearchIndex
import Testing

@Suite("Bitmaps of frequent terms")
struct DenseTermTests {
  static let documents: Int64 = 700

  /// `ab` in all but a few, `b` in every fifth, `c` in every fiftieth, and a word of its own in each.
  static func text(_ sequence: Int64) -> String {
    var words = sequence % 9 == 0 ? [] : ["ab"]
    if sequence % 5 == 0 { words.append("b") }
    if sequence % 50 == 0 { words.append("c") }
    return (words + ["w\(sequence)"]).joined(separator: " ")
  }

  static func sealed(_ scratch: Scratch) async throws -> SearchIndex {
    var limits = GenerationLimits()
    limits.hotDocuments = Int(documents)
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    let all = (1...documents).map { sequence in
      IndexOperation.put(Sample.message(sequence, text(sequence), conversation: Int(sequence % 6)))
    }
    try await index.apply(all, group: 0, upTo: documents)
    try await index.settle(group: 0)
    #expect(try await index.generations(group: 0).map(\.kind) == [.hot, .sealed])
    return index
  }

  /// The file of the group's one sealed generation.
  static func path(_ scratch: Scratch) -> String {
    let group = scratch.path + "/group-00"
    let names = String(decoding: Scratch.read(group + "/CURRENT"), as: UTF8.self).split(separator: "\n")
    return "\(group)/\(names[1])/dense"
  }

  static func queries() -> [IndexQuery] {
    let (ab, b, c) = (Sample.word("ab"), Sample.word("b"), Sample.word("c"))
    let trees: [TermTree] = [
      .term(ab), .term(b), .term(c), .all([.term(ab), .term(b)]), .all([.term(b), .not(.term(ab))]),
      .any([.term(b), .term(c)]), .phrase([ab, b]), .not(.term(ab)),
      .all([.term(ab), .prefix(Sample.word("w1"))]),
    ]
    let few = ReadScope.windows([
      Sample.conversations[2]: [ReadWindow(from: Sample.time(100), until: Sample.time(500))]
    ])
    return trees.flatMap { tree in
      [Sample.everyone, few].map { IndexQuery(clauses: [IndexClause(tree: tree)], scope: $0, limit: 1_000) }
    }
  }

  static func answers(_ index: SearchIndex) async throws -> [[Int64]] {
    var answers: [[Int64]] = []
    for query in queries() { answers.append(try await index.search(query).sequences) }
    return answers
  }

  @Test("a generation that was sealed before there were bitmaps answers as one that has them")
  func alike() async throws {
    let scratch = Scratch()
    let index = try await Self.sealed(scratch)
    let deleted: [Int64] = [50, 51, 101]
    try await index.apply(deleted.map { .delete(sequence: $0) }, group: 0, upTo: 701)
    let with = try await Self.answers(index)
    await index.close()
    #expect(with[0] == (1...Self.documents).reversed().filter { $0 % 9 != 0 && !deleted.contains($0) })
    #expect(with[8] == (1...Self.documents).reversed().filter { $0 % 45 == 0 })

    let bytes = Scratch.read(Self.path(scratch))
    let holds = { (term: [UInt8]) in bytes.indices.contains { bytes[$0...].starts(with: term) } }
    #expect(holds(Sample.word("ab")) && holds(Sample.word("b")))
    #expect(!holds(Sample.word("c")) && !holds(Sample.word("w17")))
    Scratch.remove(Self.path(scratch))
    let older = try SearchIndex(directory: scratch.path, groups: 1)
    #expect(try await Self.answers(older) == with)
    await older.close()
  }

  @Test("a check finds a bitmap that says other than the postings, and any search a torn file")
  func damaged() async throws {
    let scratch = Scratch()
    let index = try await Self.sealed(scratch)
    #expect(try await index.check() == [])
    await index.close()
    var bytes = Scratch.read(Self.path(scratch))
    let place = bytes.count - 40
    bytes[place] ^= 4
    Scratch.write(bytes, to: Self.path(scratch))
    let changed = try SearchIndex(directory: scratch.path, groups: 1)
    #expect(Set(try await changed.check().map(\.kind)) == [.structure, .fileChanged])
    await changed.close()

    Scratch.write(Array(bytes.dropLast(8)), to: Self.path(scratch))
    let torn = try SearchIndex(directory: scratch.path, groups: 1)
    await #expect(throws: SearchIndexError.self) { try await torn.search(Self.queries()[2]) }
    await torn.close()
  }

  @Test("a purge leaves no bit and no name of what it took")
  func purged() async throws {
    let scratch = Scratch()
    let index = try await Self.sealed(scratch)
    let all = (1...Self.documents).filter { $0 % 5 == 0 }
    _ = try await index.purge(sequences: all, group: 0)
    #expect(try await index.search(Self.queries()[2]).matches == 0)
    #expect(try await !index.holds(anyOf: [Sample.word("b")], group: 0))
    #expect(try await index.check() == [])
    await index.close()
  }
}
