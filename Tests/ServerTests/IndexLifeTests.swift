import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import Server
import Testing

/// A home with messages of two conversations, and its index.
struct IndexHouse {
  let application: Application
  let directory: Directory
  let index: SearchIndex
  let groups: Int

  init() async throws {
    application = try await ServedHouse.openHome()
    directory = application.directory(try await application.tenant("acme"))
    (index, groups) = (application.index, application.settings.indexGroups)
  }

  static let day = Timestamp(civil: 2024, 3, 1)

  static func message(
    _ id: String, in conversation: String, by sender: String = "kim", second: Int, _ words: [String]
  )
    -> IngestItem
  {
    var payload = MessagePayload(messageID: id, body: .plain(words.joined(separator: " ")))
    payload.tokens = TokenSet(mode: .plain, sequence: words.map { Array($0.utf8) })
    return IngestItem(
      line: Int64(second), raw: [],
      event: .messageCreated(
        MessageCreated(
          conversationID: conversation, senderID: sender, createdAt: day.adding(seconds: Int64(second)),
          payload: payload)))
  }

  func store(_ items: [IngestItem]) async throws {
    var batch = IngestBatch(source: "test")
    batch.items = items
    let result = try await application.ingestor(directory).store(batch)
    try #require(result.setAsideCount == 0 && result.accepted == items.count)
  }

  /// Messages over several conversations, and so over all groups.
  func fill(_ count: Int, _ random: inout SystemRandom) async throws {
    let items = (0..<count).map { number in
      Self.message(
        "m\(number)", in: "c\(number % 7)", by: "s\(number % 5)", second: number,
        ["common", "word\(Int.random(in: 0..<50, using: &random))", "own\(number)"])
    }
    try await store(items)
  }

  func count(_ word: String) async throws -> Int {
    let term = IndexTerms.word(Array(word.utf8), tenant: directory.tenant.id)
    var query = IndexQuery(
      clauses: [IndexClause(conversation: nil, tree: .term(term))],
      scope: .everything(term: IndexTerms.tenant(directory.tenant.id)))
    query.limit = 1
    return try await index.search(query).matches
  }

  func fingerprints() async throws -> [[UInt8]] {
    var all: [[UInt8]] = []
    for group in 0..<groups { all.append(try await index.fingerprint(group: group)) }
    return all
  }

  /// A live message of a group with its locator.
  func locators() async throws -> [Locator] {
    try await application.database.transaction { tx in
      try Locators.scan(tenant: nil, states: [.live], after: nil, limit: 10_000, in: tx)
    }
  }

  func group(_ locator: Locator) -> Int { locator.route.group(of: groups) }
}

/// Prints its seed, and takes it from MUNIMENT_SEED.
struct SystemRandom: RandomNumberGenerator {
  private var state: UInt64

  init(_ name: String) {
    let seed =
      ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap { UInt64($0) }
      ?? UInt64.random(in: 1...1_000_000)
    print("  \(name): MUNIMENT_SEED=\(seed)")
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

@Suite("The life of the index")
struct IndexLifeTests {
  private static let tooLong = String(repeating: "x", count: 300)

  @Test("A message the index refuses is set aside by itself, named, and tried again when asked")
  func poison() async throws {
    let house = try await IndexHouse()
    try await house.store([
      IndexHouse.message("good-1", in: "c", second: 1, ["alpha"]),
      IndexHouse.message("bad", in: "c", second: 2, ["alpha", Self.tooLong]),
      IndexHouse.message("good-2", in: "c", second: 3, ["alpha"]),
    ])
    #expect(try await house.application.followFeedPatiently())
    #expect(try await house.count("alpha") == 2)
    let status = try await house.application.indexer.status()
    #expect(status.map(\.lag) == status.map { _ in 0 })
    #expect(status.reduce(0) { $0 + $1.quarantined } == 1)
    let tenant = house.directory.tenant.id
    let gaps = try await house.application.database.transaction { tx in
      try IndexQuarantine.gaps(tenant: tenant, conversations: nil, limit: 10, in: tx)
    }
    #expect(gaps.map(\.count) == [1])
    #expect(gaps.first?.times.lowerBound == IndexHouse.day.adding(seconds: 2))
    #expect(try await house.application.problems().map(\.code) == ["index_quarantined"])
    // It is no difference: the index is known not to have it.
    #expect(try await house.application.indexer.compare(deep: true).isClean)
    // Still refused: it is looked at again, and no other message waits for it.
    #expect(try await house.application.indexer.retryQuarantined() == 1)
    #expect(try await house.application.followFeedPatiently())
    #expect(try await house.application.indexer.status().reduce(0) { $0 + $1.quarantined } == 1)
    // Once it is gone, it is set aside no more.
    let bad = try #require(
      try await house.locators().first { $0.position.createdAt == IndexHouse.day.adding(seconds: 2) })
    let group = Int16(house.group(bad))
    try await house.application.database.transaction { tx in
      _ = try Deletions.delete([bad.key], for: .retention, tenant: tenant, at: Application.clock(), in: tx)
      try Feed.append(.removed, bad.key, group: group, in: tx)
    }
    #expect(try await house.application.followFeedPatiently())
    #expect(try await house.application.problems().isEmpty)
    await house.application.close()
  }

  @Test("One message that waits for more than a minute is a problem, whatever the reason")
  func waiting() async throws {
    let house = try await IndexHouse()
    try await house.store([IndexHouse.message("late", in: "c", second: 1, ["alpha"])])
    #expect(try await house.application.problems().isEmpty)
    try await house.application.database.transaction { tx in
      try tx.execute("UPDATE feed SET appended_at = now() - interval '61 seconds'")
    }
    #expect(try await house.application.problems().map(\.code) == ["index_behind"])
    #expect(try await house.application.followFeedPatiently())
    #expect(try await house.application.problems().isEmpty)
    await house.application.close()
  }

  @Test("Random damage to the index's content is found, healed, and leaves it as one that was built anew")
  func reconciliation() async throws {
    var random = SystemRandom("reconciliation")
    let house = try await IndexHouse()
    try await house.fill(400, &random)
    #expect(try await house.application.followFeedPatiently())
    let sound = try await house.fingerprints()
    #expect(try await house.application.indexer.compare(deep: true).isClean)
    var locators = try await house.locators().shuffled(using: &random)
    let lost = locators.prefix(Int.random(in: 1...20, using: &random))
    for locator in lost {
      try await house.index.purge(sequences: [locator.position.sequence], group: house.group(locator))
    }
    locators.removeFirst(lost.count)
    let (stale, gone) = (locators[0], locators[1])
    try await plant(stale, in: house)
    // Deleted in the catalogue, and no step of the feed says so.
    let tenant = house.directory.tenant.id
    try await house.application.database.transaction { tx in
      _ = try Deletions.delete([gone.key], for: .retention, tenant: tenant, at: Application.clock(), in: tx)
    }
    #expect(try await house.fingerprints() != sound)
    // The words are compared for changed messages only, unless asked for.
    let quick = try await house.application.indexer.compare(deep: false)
    #expect(quick.count(.missing) == lost.count)
    #expect(quick.count(.leftover) == 1)
    #expect(quick.count(.unknown) == 1)
    let comparison = try await house.application.compareIndex(deep: true, healing: true)
    #expect(comparison.count(.stale) == 1)
    #expect(comparison.differences.count == lost.count + 3)
    #expect(comparison.healed == comparison.differences.count)
    #expect(try await house.application.indexer.compare(deep: true).isClean)
    let healed = try await house.fingerprints()
    _ = try await house.application.indexer.rebuild()
    #expect(try await house.fingerprints() == healed)
    #expect(try await house.count("common") == 399)
    await house.application.close()
  }

  /// Other words for a message, and a document of no message, at a step of the feed that says nothing of either.
  private func plant(_ message: Locator, in house: IndexHouse) async throws {
    let group = house.group(message)
    let head = try await house.application.database.transaction { tx in
      try Feed.append(.edited, message.key, group: Int16(group), in: tx)
      return try Feed.heads(in: tx)[Int16(group)] ?? 0
    }
    var document = IndexDocument(
      sequence: message.position.sequence, conversation: message.conversation, sender: message.sender,
      createdAt: message.position.createdAt, terms: [IndexTerms.tenant(message.tenant), [0x57, 1, 2, 3]])
    var operations: [IndexOperation] = [.put(document)]
    document.sequence = head
    operations.append(.put(document))
    try await house.index.apply(operations, group: group, upTo: head)
  }

  @Test("A damaged group is found, named, and rebuilt by itself while searches go on")
  func corruption() async throws {
    var random = SystemRandom("corruption")
    let house = try await IndexHouse()
    try await house.fill(600, &random)
    #expect(try await house.application.followFeedPatiently())
    let sound = try await house.fingerprints()
    let untouched = try Self.names(of: 1, house)
    try Self.damage(group: 0, house)
    #expect(try await !house.application.checkFiles(group: 0).isEmpty)
    #expect(try await house.application.checkFiles(group: 1).isEmpty)
    #expect(try await house.application.problems().map(\.code) == ["index_damaged"])
    try await house.application.repair(group: 0)
    #expect(try await house.application.problems().isEmpty)
    #expect(try await house.fingerprints() == sound)
    #expect(try Self.names(of: 1, house) == untouched)
    await house.application.close()
  }

  @Test("Searches during a rebuild all answer, and none misses a message")
  func rebuildBeside() async throws {
    var random = SystemRandom("rebuild beside")
    let house = try await IndexHouse()
    try await house.fill(800, &random)
    #expect(try await house.application.followFeedPatiently())
    let sound = try await house.fingerprints()
    try await withThrowingTaskGroup(of: Int.self) { tasks in
      for _ in 0..<2 {
        tasks.addTask {
          var asked = 0
          while !Task.isCancelled {
            let found = try await house.count("common")
            #expect(found == 800)
            asked += 1
          }
          return asked
        }
      }
      for _ in 0..<3 { #expect(try await house.application.indexer.rebuild() > 0) }
      tasks.cancelAll()
      for try await asked in tasks { #expect(asked > 0) }
    }
    #expect(try await house.fingerprints() == sound)
    await house.application.close()
  }

  /// Overwrites the middle of every B-tree of the group.
  private static func damage(group: Int, _ house: IndexHouse) throws {
    let root = house.application.settings.home + "/index/group-0\(group)"
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) where name.hasSuffix(".glass") {
      let file = try #require(FileHandle(forUpdatingAtPath: "\(root)/\(name)"))
      let size = try file.seekToEnd()
      try file.seek(toOffset: min(size, 4_096))
      try file.write(contentsOf: Data(repeating: 0xa5, count: Int(max(size, 4_096)) - 4_096))
      // The first block of a small table is its only one.
      if size <= 8_192 {
        try file.seek(toOffset: 0); try file.write(contentsOf: Data(repeating: 0x5a, count: Int(size)))
      }
      try file.close()
    }
  }

  private static func names(of group: Int, _ house: IndexHouse) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(
      atPath: house.application.settings.home + "/index/group-0\(group)"
    ).sorted()
  }
}
