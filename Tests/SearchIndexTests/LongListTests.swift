import Model
import SearchIndex
import Testing

@Suite("Long lists")
struct LongListTests {
  static let count: Int64 = 3_000

  @Test("words that every message holds, or none but one, are read over many of Xapian's blocks")
  func everywhere() async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    let documents = (1...Self.count).map { number in
      IndexOperation.put(Sample.message(number, number == 7 ? "ab abc odd" : "ab abc even"))
    }
    try await index.apply(documents, group: 0, upTo: Self.count)
    try await Self.check(index)
    try await index.compact(group: 0)
    try await Self.check(index)
    await index.close()
  }

  static func check(_ index: SearchIndex) async throws {
    let (all, most) = ((1...count).reversed(), (1...count).reversed().filter { $0 != 7 })
    let cases: [(tree: TermTree, expected: [Int64])] = [
      (.term(Sample.word("ab")), Array(all)), (.term(Sample.word("even")), most),
      (.phrase([Sample.word("ab"), Sample.word("abc")]), Array(all)),
      (.phrase([Sample.word("ab")]), Array(all)),
      (.near([Sample.word("abc"), Sample.word("ab")], within: 2), Array(all)),
      (.prefix(Sample.word("a")), Array(all)), (.prefix(Sample.word("ev")), most),
      (.all([.term(Sample.word("ab")), .not(.term(Sample.word("odd")))]), most),
      (.any([.term(Sample.word("odd")), .term(Sample.word("abc"))]), Array(all)),
      (.all([.term(Sample.word("ab")), .not(.term(Sample.word("abc")))]), []),
    ]
    for (tree, expected) in cases {
      for (limit, countMax) in [(10, 0), (1_500, 0), (10_000, 0), (50, Int.max)] {
        var query = Sample.query(tree, limit: limit)
        query.countMax = countMax
        let page = try await index.search(query)
        #expect(page.sequences == Array(expected.prefix(limit)), "\(tree)")
        #expect(countMax == 0 || page.matches == expected.count)
      }
    }
  }
}
