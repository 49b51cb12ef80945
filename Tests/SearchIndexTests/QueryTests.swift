import Model
import SearchIndex
import Testing

@Suite("Queries and their limits")
struct QueryTests {
  let scratch = Scratch()

  func filled(_ documents: [IndexDocument]) async throws -> SearchIndex {
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    try await index.apply(documents.map { .put($0) }, group: 0, upTo: 1)
    return index
  }

  @Test("a phrase never matches words that were given without places")
  func unplaced() async throws {
    let bare = { (sequence: Int64, words: [String], text: String) in
      var document = Sample.message(sequence, text)
      document.terms += words.map { Sample.word($0) }
      return document
    }
    let phrase = Sample.query(.phrase([Sample.word("e"), Sample.word("d")]))
    let only = try await filled([bare(1, ["e", "d"], "")])
    #expect(try await only.search(phrase).matches == 0)
    // The second one's "d" is the first word of its text: next to glass's phantom place of "e".
    try await only.apply([.put(bare(2, ["e"], "d")), .put(bare(3, [], "e d"))], group: 0, upTo: 2)
    #expect(try await only.search(phrase).sequences == [3])
    #expect(
      try await only.search(Sample.query(.near([Sample.word("d"), Sample.word("e")], within: 1_000)))
        .sequences == [3])
    await only.close()
  }

  @Test("a prefix is answered whole, in scope, in order and page by page, however many words begin so")
  func broad() async throws {
    let word = { (number: Int) in Sample.word("ab" + String(number)) }
    // Some way from each other, so that the ids reach over more than one block of the set.
    let documents = (1...1_100).map { number in
      var document = Sample.message(Int64(number) * 97, "", conversation: number % 2, seconds: number)
      document.terms.append(word(number))
      return document
    }
    let index = try await filled(Array(documents.prefix(1_000)))
    let all = Sample.query(.prefix(Sample.word("ab")))
    #expect(try await index.search(all).matches == 1_000)
    try await index.apply(documents.dropFirst(1_000).map { .put($0) }, group: 0, upTo: 2)
    var query = all
    var found: [Int64] = []
    while true {
      let page = try await index.search(query)
      #expect(page.matches == 1_100)
      found += page.sequences
      guard let last = page.hits.last else { break }
      query.before = last.position
    }
    #expect(found == documents.map(\.sequence).reversed())
    #expect(try await index.search(Sample.query(.prefix(Sample.word("ab1")))).matches == 212)
    let others = TermTree.all([.prefix(Sample.word("ab")), .not(.prefix(Sample.word("ab1")))])
    #expect(try await index.search(Sample.query(others)).matches == 888)
    #expect(
      try await index.search(Sample.query(.all([.prefix(Sample.word("ab")), .term(word(700))]))).sequences
        == [67_900])
    let windows = [Sample.conversations[1]: [ReadWindow(from: Sample.time(11), until: Sample.time(1_001))]]
    let scoped = Sample.query(.prefix(Sample.word("ab")), scope: .windows(windows))
    #expect(try await index.search(scoped).matches == 495)
    await index.close()
  }

  static func nested(_ depth: Int) -> TermTree {
    (1..<depth).reduce(TermTree.everything) { tree, _ in .not(tree) }
  }

  static let trees: [(TermTree, Bool)] = [
    (nested(32), true), (nested(33), false),
    (.any([TermTree](repeating: .everything, count: 1_023)), true),
    (.any([TermTree](repeating: .everything, count: 1_024)), false),
    (.phrase([[UInt8]](repeating: Sample.word("ab"), count: 1_023)), true),
    (.phrase([[UInt8]](repeating: Sample.word("ab"), count: 1_024)), false),
    (.phrase([]), false), (.near([], within: 1), false), (.near([Sample.word("ab")], within: 0), false),
    (.near([Sample.word("ab"), Sample.word("b")], within: 1_001), false),
    (.term([]), false), (.term([UInt8](repeating: 0x61, count: 201)), false), (.prefix([]), false),
    (.all([]), true), (.any([]), true),
  ]

  @Test("trees within the limits are answered, past them refused", arguments: trees.indices)
  func limits(of row: Int) async throws {
    let (tree, isFine) = Self.trees[row]
    let index = try await filled([Sample.message(1, "ab b")])
    do {
      _ = try await index.search(Sample.query(tree))
      #expect(isFine)
    } catch let error as SearchIndexError {
      #expect(!isFine && error.code == .badQuery)
    }
    await index.close()
  }

  @Test("a limit of nothing still counts; too large a one is refused")
  func pageLimits() async throws {
    let index = try await filled((1...5).map { Sample.message($0, "ab") })
    let page = try await index.search(Sample.query(.everything, limit: 0))
    #expect(page.hits == [] && page.matches == 5 && page.exact)
    await WriterTests.code(.badQuery) { _ = try await index.search(Sample.query(.everything, limit: 10_001)) }
    await WriterTests.code(.badQuery) { _ = try await index.search(Sample.query(.everything, limit: -1)) }
    await index.close()
  }

  @Test("a search whose time is up says so")
  func deadline() async throws {
    let index = try await filled([Sample.message(1, "ab")])
    var query = Sample.query(.everything)
    query.deadlineMilliseconds = 0
    await WriterTests.code(.deadline) { _ = try await index.search(query) }
    await index.close()
  }

  @Test("without the count, a search stops once no newer hit can come")
  func stopping() async throws {
    let index = try await filled((1...500).map { Sample.message($0, "ab", seconds: Int($0) / 2) })
    var query = Sample.query(.term(Sample.word("ab")), limit: 3)
    query.countMax = 0
    let page = try await index.search(query)
    #expect(page.sequences == [500, 499, 498])
    #expect(!page.exact && page.matches < 10)
    // One message that is out of order by far: from here on only a full look is safe.
    try await index.apply([.put(Sample.message(501, "ab", seconds: -10_000))], group: 0, upTo: 2)
    #expect(try await index.search(query).sequences == [500, 499, 498])
    #expect(try await index.search(query).matches == 501)
    await index.close()
  }

  @Test("members of thousands of conversations see exactly theirs")
  func manyConversations() async throws {
    let index = try await filled(
      (Int64(1)...300).map { number in
        var document = Sample.message(number, "ab")
        document.conversation = ConversationID(rawValue: number)
        return document
      })
    let always = [ReadWindow(from: .earliest, until: .latest)]
    for count in [0, 1, 32, 33, 5_000] {
      // Every second one of the 300, then others.
      let ids = (0..<count).map { ConversationID(rawValue: Int64($0 * 2 + 2)) }
      let scope = ReadScope.windows(Dictionary(uniqueKeysWithValues: ids.map { ($0, always) }))
      let page = try await index.search(Sample.query(.term(Sample.word("ab")), scope: scope, limit: 1_000))
      #expect(page.matches == min(count, 150))
      #expect(
        page.hits.allSatisfy { $0.conversation.rawValue % 2 == 0 && $0.conversation.rawValue <= count * 2 })
    }
    await index.close()
  }
}
