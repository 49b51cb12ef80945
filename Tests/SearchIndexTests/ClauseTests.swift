import Model
import SearchIndex
import Testing

@Suite("Words by conversation")
struct ClauseTests {
  static let groups = 3
  static let conversations = (1...120).map { ConversationID(rawValue: Int64($0) &* 0x1234_5678_9ABC_DEF1) }
  static let small: GenerationLimits = {
    var limits = GenerationLimits()
    (limits.hotDocuments, limits.mergeWidth) = (150, 2)
    return limits
  }()

  static func group(_ conversation: ConversationID) -> Int {
    conversations.firstIndex(of: conversation)! % groups
  }

  /// Few words, so that the same ones are in many conversations, where nobody asks for them.
  static func token(_ random: inout Random) -> [UInt8] {
    IndexTerms.blinded(
      random.chance(50) ? .word : .bigram, Array(repeating: UInt8(random.below(12)), count: 8))
  }

  static func filled(_ index: SearchIndex, _ random: inout Random) async throws -> BruteForce {
    var oracle = BruteForce()
    var sequences = [Int64](repeating: 0, count: groups)
    for _ in 0..<30 {
      var batches: [Int: [IndexOperation]] = [:]
      for _ in 0..<40 {
        let conversation = random.pick(conversations)
        let group = group(conversation)
        sequences[group] += 1
        batches[group, default: []].append(
          .put(
            IndexDocument(
              sequence: sequences[group], conversation: conversation, sender: random.pick(Sample.senders),
              createdAt: Sample.time(Int(sequences[group]) + random.below(5)),
              terms: [IndexTerms.tenant(Sample.tenant)] + (0..<random.below(5)).map { _ in token(&random) })))
      }
      for (group, batch) in batches {
        try await index.apply(batch, group: group, upTo: sequences[group])
        oracle.apply(batch, group: group)
      }
    }
    for group in 0..<groups { try await index.settle(group: group) }
    return oracle
  }

  static func tree(_ random: inout Random) -> TermTree {
    switch random.below(5) {
    case 0: .term(token(&random))
    case 1: .any([.term(token(&random)), .term(token(&random))])
    case 2: .all([.term(token(&random)), .any([.term(token(&random)), .term(token(&random))])])
    case 3: .all([.term(token(&random)), .not(.term(token(&random)))])
    default: .all([.term(token(&random)), .all([.term(token(&random))])])
    }
  }

  @Test("hundreds of conversations' words are found in theirs only, whichever groups are asked")
  func random() async throws {
    var random = Random.printed("clauses")
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: Self.groups, limits: Self.small)
    let oracle = try await Self.filled(index, &random)
    for round in 0..<150 {
      let isPlaced = random.chance(50)
      let clauses = Self.conversations.filter { _ in random.chance(40) }.map { conversation in
        IndexClause(
          conversation: conversation,
          group: isPlaced && random.chance(90) ? Self.group(conversation) : nil,
          tree: Self.tree(&random))
      }
      var query = IndexQuery(clauses: clauses, scope: Sample.everyone, limit: 1 + random.below(60))
      if round % 2 == 0 {
        let always = [ReadWindow(from: .earliest, until: .latest)]
        query.scope = .windows(
          Dictionary(uniqueKeysWithValues: Self.conversations.prefix(100).map { ($0, always) }))
      }
      query.countMax = random.pick([0, 20, .max])
      query.deadlineMilliseconds = 60_000
      guard !clauses.isEmpty else { continue }
      try await SearchTests.check(query, index, oracle)
    }
    await index.close()
  }

  @Test("where all clauses are of other groups, a group holds no match")
  func elsewhere() async throws {
    let scratch = Scratch()
    let index = try SearchIndex(directory: scratch.path, groups: 2)
    try await index.apply([.put(Sample.message(1, "ab"))], group: 0, upTo: 1)
    var query = Sample.query(.term(Sample.word("ab")))
    query.clauses[0].conversation = Sample.conversations[0]
    for (group, expected) in [(nil, 1), (0, 1), (1, 0)] {
      query.clauses[0].group = group
      #expect(try await index.search(query).matches == expected)
    }
    await index.close()
  }
}
