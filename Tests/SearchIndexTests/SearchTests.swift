import Model
import SearchIndex
import Testing

@Suite("Search against a brute-force reader")
struct SearchTests {
  static let groups = 2

  /// Generations of a few documents, which are soon sealed and merged.
  static var small: GenerationLimits {
    var limits = GenerationLimits()
    (limits.hotDocuments, limits.mergeWidth, limits.sealedDocuments) = (45, 2, 300)
    return limits
  }

  /// Documents with edits and deletions over several commits, in the index and in the oracle. Whatever is due is
  /// sealed now and then.
  static func filled(_ index: SearchIndex, _ random: inout Random, disorder: Int) async throws -> BruteForce {
    var oracle = BruteForce()
    for group in 0..<groups {
      var last: Int64 = 0
      for position in 1...6 {
        let operations = (0..<60).map { _ -> IndexOperation in
          let old = Int64(random.below(Int(last) + 1))
          if old > 0, random.chance(10) { return .delete(sequence: old) }
          if let known = oracle.documents[group]?[old], random.chance(20) {
            var edited = Sample.document(old, &random, seconds: 0)
            (edited.conversation, edited.sender, edited.createdAt) = (
              known.conversation, known.sender, known.createdAt
            )
            return .put(edited)
          }
          last += 1
          // Four to a second, so that times tie within a group and across.
          return .put(Sample.document(last, &random, seconds: Int(last) / 4 + random.below(disorder + 1)))
        }
        oracle.apply(operations, group: group)
        try await index.apply(operations, group: group, upTo: Int64(position))
        if random.chance(40) { try await index.settle(group: group) }
        if random.chance(10) { try await index.compact(group: group) }
      }
    }
    return oracle
  }

  static func tree(_ random: inout Random, depth: Int = 3) -> TermTree {
    let word = { (random: inout Random) in Sample.word(random.pick(Sample.words)) }
    switch random.below(depth > 0 ? 12 : 7) {
    case 0, 1, 2, 3: return .term(word(&random))
    case 4: return .phrase((0...random.below(3)).map { _ in word(&random) })
    case 5:
      let left = random.below(Sample.words.count)
      let right = (left + 1 + random.below(Sample.words.count - 1)) % Sample.words.count
      return .near([left, right].map { Sample.word(Sample.words[$0]) }, within: 1 + random.below(3))
    case 6:
      return random.chance(80) ? .prefix(Sample.word(["a", "ab", "b", "x"][random.below(4)])) : .everything
    case 7, 8: return .all((0..<random.below(4)).map { _ in tree(&random, depth: depth - 1) })
    case 9, 10: return .any((0..<random.below(4)).map { _ in tree(&random, depth: depth - 1) })
    default: return .not(tree(&random, depth: depth - 1))
    }
  }

  static func scope(_ random: inout Random) -> ReadScope {
    if random.chance(20) { return Sample.everyone }
    var windows: [ConversationID: [ReadWindow]] = [:]
    for conversation in Sample.conversations where random.chance(60) {
      windows[conversation] = (0..<random.below(3)).map { _ in
        let from = random.below(80)
        return ReadWindow(from: Sample.time(from), until: Sample.time(from + random.below(60)))
      }
    }
    return .windows(windows)
  }

  static func query(_ random: inout Random) -> IndexQuery {
    var query = IndexQuery(clauses: [], scope: scope(&random), limit: 1 + random.below(40))
    query.clauses = (0..<random.below(3)).map { _ in
      IndexClause(
        conversation: random.chance(30) ? random.pick(Sample.conversations) : nil, tree: tree(&random))
    }
    if random.chance(20) { query.from = Sample.time(random.below(60)) }
    if random.chance(20) { query.until = Sample.time(20 + random.below(60)) }
    if random.chance(20) { query.conversations = Sample.conversations.filter { _ in random.chance(50) } }
    if random.chance(20) { query.senders = Sample.senders.filter { _ in random.chance(50) } }
    if random.chance(15) { query.required = [IndexTerms.flag(random.pick(Sample.flags))] }
    query.deadlineMilliseconds = 60_000
    return query
  }

  /// Pages to the end; every page must be the oracle's next stretch and give its count.
  static func check(_ query: IndexQuery, _ index: SearchIndex, _ oracle: BruteForce) async throws {
    var query = query
    var rest = oracle.matches(query)[...]
    let total = rest.count
    for _ in 0...total {
      let page = try await index.search(query)
      let expected = rest.prefix(query.limit)
      let isSame = page.hits.elementsEqual(expected) { $0.position == $1.position && $0.group == $1.group }
      try #require(isSame, "\(query) gave \(page.hits), expected \(expected)")
      let isCounted = page.exact ? page.matches == total : page.matches >= min(query.countMax, total)
      try #require(query.countMax == .max || query.before != nil || isCounted, "\(query)")
      try #require(
        query.countMax == .max ? page.exact && page.matches == total : page.matches <= total, "\(query)")
      guard let last = page.hits.last else { return }
      rest = rest.dropFirst(query.limit)
      (query.before, query.beforeGroup) = (last.position, last.group)
    }
  }

  @Test(
    "thousands of readers' queries are answered, counted and paged exactly",
    arguments: [0, 5, 1_000], [GenerationLimits(), small])
  func random(disorder: Int, limits: GenerationLimits) async throws {
    var random = Random.printed("search, disorder \(disorder), \(limits.hotDocuments) hot documents")
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: Self.groups, limits: limits)
    let oracle = try await Self.filled(index, &random, disorder: disorder)
    for _ in 0..<500 {
      var query = Self.query(&random)
      try await Self.check(query, index, oracle)
      query.countMax = random.pick([0, 0, 3, 50])
      try await Self.check(query, index, oracle)
    }
    #expect(try await index.check() == [])
    await index.close()
  }

  @Test("however its generations lie, an index is the one that was built in one go")
  func generationsDoNotShow() async throws {
    var random = Random.printed("generations")
    let (scratch, whole) = (Scratch(), Scratch())
    let index = try SearchIndex(directory: scratch.path, groups: Self.groups, limits: Self.small)
    let oracle = try await Self.filled(index, &random, disorder: 50)
    let fresh = try SearchIndex(directory: whole.path, groups: Self.groups)
    for group in 0..<Self.groups {
      let documents = oracle.documents[group, default: [:]].values.sorted { $0.sequence < $1.sequence }
      try await fresh.apply(documents.map { .put($0) }, group: group, upTo: 6)
      #expect(try await index.documentCount(group: group) == documents.count)
      #expect(try await index.fingerprint(group: group) == fresh.fingerprint(group: group))
      try await index.compact(group: group)
      #expect(try await index.fingerprint(group: group) == fresh.fingerprint(group: group))
      let kinds = try await index.generations(group: group)
      #expect(kinds.dropFirst().allSatisfy { $0.kind == .sealed && $0.tombstones == 0 })
      #expect(kinds.first?.documents == 0 && kinds.count > 1)
    }
    #expect(try await index.check() == [])
    await index.close()
    await fresh.close()
  }

  @Test("what was deleted while its generation was hot is not counted out a second time")
  func deletedTwice() async throws {
    let scratch = Scratch()
    var limits = GenerationLimits()
    limits.hotDocuments = 10
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    try await index.apply((1...9).map { .put(Sample.message($0, "a")) }, group: 0, upTo: 9)
    try await index.apply([.delete(sequence: 3)], group: 0, upTo: 10)
    try await index.apply([10, 11].map { .put(Sample.message($0, "a")) }, group: 0, upTo: 12)
    #expect(try await index.generations(group: 0).map(\.kind) == [.hot, .frozen])
    try await index.apply([.delete(sequence: 3)], group: 0, upTo: 13)
    #expect(try await index.documentCount(group: 0) == 10)
    await index.close()
  }

  @Test("a sealing that is cancelled leaves all as it was, and is done the next time")
  func cancelled() async throws {
    let scratch = Scratch()
    var limits = GenerationLimits()
    limits.hotDocuments = 20_000
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    let documents = (1...20_000).map { IndexOperation.put(Sample.message($0, "ab c d")) }
    try await index.apply(documents, group: 0, upTo: 20_000)
    let sealing = Task { try await index.settle(group: 0) }
    sealing.cancel()
    _ = try? await sealing.value
    #expect(try await index.generations(group: 0).map(\.kind) == [.hot, .frozen])
    #expect(try await index.documentCount(group: 0) == 20_000)
    #expect(Scratch.generations(scratch.path + "/group-00").isEmpty)
    try await index.settle(group: 0)
    #expect(try await index.generations(group: 0).map(\.kind) == [.hot, .sealed])
    #expect(try await index.documentCount(group: 0) == 20_000)
    await index.close()
  }

  @Test("a rebuild beside the serving index is seen by nobody until it takes its place")
  func rebuilt() async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: Self.small)
    let documents = (1...120).map { IndexOperation.put(Sample.message($0, "ab")) }
    try await index.apply(documents, group: 0, upTo: 120)
    let everything = Sample.query(.term(Sample.word("ab")), limit: 500)
    for step in 0..<3 {
      let stretch = Array(documents[(step * 40)..<(step * 40 + 40)])
      try await index.applyToRebuild(stretch, group: 0, upTo: Int64(step * 40 + 40))
      #expect(try await index.search(everything).matches == 120)
      // Another process goes on with it.
      await index.release()
      let other = try SearchIndex(directory: scratch.path, groups: 1, limits: Self.small)
      #expect(try await other.rebuildPosition(group: 0) == Int64(step * 40 + 40))
      await other.close()
    }
    try await index.apply([.put(Sample.message(121, "ab"))], group: 0, upTo: 121)
    // It may not take away what was found before.
    #expect(try await !index.publishRebuild(group: 0))
    #expect(try await index.position(group: 0) == 121)
    try await index.applyToRebuild([.put(Sample.message(121, "ab"))], group: 0, upTo: 121)
    #expect(try await index.publishRebuild(group: 0))
    #expect(try await index.position(group: 0) == 121)
    #expect(try await index.search(everything).sequences == (1...121).reversed())
    #expect(Scratch.generations(scratch.path + "/group-00").isEmpty)
    #expect(try await index.check() == [])
    await index.close()
  }
}
