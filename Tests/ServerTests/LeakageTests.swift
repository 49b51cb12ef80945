import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
@testable import Search
import SearchIndex
import SearchTokens
import Sodium
import Testing

@Suite("What tokens give away")
struct LeakageTests {
  private static let master = TokenMaster(master: SecretBytes(Array(0..<32)))

  /// The words of messages, by conversation; frequent ones are frequent everywhere.
  private static func texts(_ random: inout SystemRandom) -> [(conversation: String, words: Set<String>)] {
    (0..<240).map { number in
      let count = Int.random(in: 2...7, using: &random)
      let words = (0..<count).map { _ -> String in
        let rank = Int.random(in: 0..<40, using: &random) * Int.random(in: 0..<40, using: &random) / 40
        return "word\(rank)"
      }
      return ("c\(number % 6)", Set(words).union(number % 9 == 0 ? ["own\(number)"] : []))
    }
  }

  private static func item(_ number: Int, _ conversation: String, _ words: Set<String>, key: String?)
    -> IngestItem
  {
    var item = IndexHouse.message("m\(number)", in: conversation, second: number, Array(words))
    guard let key, case .messageCreated(var created) = item.event else { return item }
    let keys = master.conversationKey(tenant: "acme", conversation: key, generation: 1)
    created.payload.tokens = TokenSet(mode: .blinded, generation: 1, set: words.map { keys.token($0).bytes })
    item.event = .messageCreated(created)
    return item
  }

  private static func survey(_ house: IndexHouse, _ reference: ReferenceWords? = nil, sample: Int = 200)
    async throws -> LeakageReport
  {
    var settings = LeakageSurvey.Settings()
    (settings.sample, settings.reference, settings.key) = (sample, reference, (master, 1))
    return try await LeakageSurvey(
      directory: house.directory, database: house.application.database, index: house.index,
      groups: house.groups, settings: settings
    ).run()
  }

  @Test("Of blinded tokens the survey says what counting the events by hand says, over several generations")
  func blindedEqualsByHand() async throws {
    let house = try await IndexHouse()
    var random = SystemRandom("leakage")
    let texts = Self.texts(&random)
    for (half, range) in [0..<120, 120..<240].enumerated() {
      try await house.store(
        range.map { Self.item($0, texts[$0].conversation, texts[$0].words, key: texts[$0].conversation) })
      #expect(try await house.application.followFeedPatiently())
      if half == 0 { _ = try await house.application.run(.indexCompact, actor: "test") }
    }
    var counts: [String: Int] = [:]
    for text in texts { for word in text.words { counts["\(text.conversation) \(word)", default: 0] += 1 } }
    let ranked = Dictionary(grouping: counts) { $0.key.split(separator: " ")[1] }
      .map { (word: String($0.key), count: $0.value.reduce(0) { $0 + $1.value }) }
      .sorted { ($1.count, $0.word) < ($0.count, $1.word) }
    let report = try await Self.survey(house, ReferenceWords(ranked: ranked.map(\.word)))
    #expect(report.mode == .blinded && report.messages == 240 && report.conversations == 6)
    #expect(report.volumes.map(\.kind) == ["word"])
    #expect(report.volumes[0].distinct == counts.count)
    #expect(report.volumes[0].occurrences == counts.values.reduce(0, +))
    #expect(report.keys?.perConversation == true && report.keys?.sharedTokens == 0)
    for (few, share) in report.identifying.map({ ($0.messagesMax, $0.messages) }) {
      let telling = texts.count { text in
        text.words.contains { counts["\(text.conversation) \($0)"] ?? 0 <= few }
      }
      #expect(share == Double(telling) / 240, "at most \(few)")
    }
    #expect(report.collisions.last?.pairs == 0)
    let most = Double(counts.values.max() ?? 0) / Double(counts.values.reduce(0, +))
    #expect(report.frequency?.top1 == most)
    #expect(report.cooccurrence?.conversations == 6)
    let company = try #require(report.cooccurrence)
    #expect(company.apartByCompany >= company.apartByFrequency && company.pairs > 0)
    #expect(report.attack?.truth == "token_key")
    #expect(report.attack?.perConversation == Self.attacked(counts, ranked.map(\.word)))
    try Self.isSilent(report, words: ranked.map(\.word))
    await house.application.close()
  }

  /// Matching of ranks, the long way.
  private static func attacked(_ counts: [String: Int], _ reference: [String]) -> LeakageReport.Recovery {
    var (right, rightOccurrences) = (0, 0)
    for (conversation, entries) in Dictionary(
      grouping: counts, by: { String($0.key.split(separator: " ")[0]) })
    {
      let key = master.conversationKey(tenant: "acme", conversation: conversation, generation: 1)
      let tokens = entries.map { (word: String($0.key.split(separator: " ")[1]), count: $0.value) }
        .sorted { ($1.count, key.token($0.word)) < ($0.count, key.token($1.word)) }
      for (token, guess) in zip(tokens, reference) where token.word == guess {
        right += 1
        rightOccurrences += token.count
      }
    }
    return LeakageReport.Recovery(
      tokens: Double(right) / Double(counts.count),
      occurrences: Double(rightOccurrences) / Double(counts.values.reduce(0, +)))
  }

  /// Neither a word nor the bytes of a token, in any spelling.
  private static func isSilent(_ report: LeakageReport, words: [String]) throws {
    let text = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
    for word in words {
      #expect(!text.contains("\"\(word)\""))
      for conversation in 0..<6 {
        let token = master.conversationKey(tenant: "acme", conversation: "c\(conversation)", generation: 1)
          .token(word)
        #expect(!text.contains(token.base64URL) && !text.contains(token.bytes.hex))
      }
    }
  }

  @Test("One key for several conversations is noticed, and what was deleted does not count")
  func sharedKey() async throws {
    let house = try await IndexHouse()
    var random = SystemRandom("leakage-shared")
    let texts = Self.texts(&random)
    try await house.store(
      texts.indices.map { Self.item($0, texts[$0].conversation, texts[$0].words, key: "one for all") })
    #expect(try await house.application.followFeedPatiently())
    _ = try await house.application.run(.indexCompact, actor: "test")
    let tenant = house.directory.tenant.id
    let gone = texts.indices.filter { $0 % 2 == 0 }
    for locator in try await house.locators()
    where gone.contains(
      Int((locator.position.createdAt.microseconds - IndexHouse.day.microseconds) / 1_000_000))
    {
      let group = Int16(house.group(locator))
      try await house.application.database.transaction { tx in
        _ = try Deletions.delete(
          [locator.key], for: .retention, tenant: tenant, at: Application.clock(), in: tx)
        try Feed.append(.removed, locator.key, group: group, in: tx)
      }
    }
    #expect(try await house.application.followFeedPatiently())
    let left = texts.indices.filter { $0 % 2 == 1 }.map { texts[$0] }
    let rooms = Dictionary(grouping: left.flatMap { text in text.words.map { ($0, text.conversation) } }) {
      $0.0
    }
    .mapValues { Set($0.map(\.1)).count }
    let report = try await Self.survey(house)
    #expect(report.messages == left.count)
    #expect(report.volumes[0].distinct == rooms.count)
    #expect(report.keys?.sharedTokens == rooms.values.count { $0 > 1 })
    #expect(report.keys?.perConversation == false)
    #expect(report.attack == nil && report.attackLacks != nil)
    #expect(
      report.advice.contains { $0.measure == "key_per_conversation" && $0.detail.contains("serves several") })
    await house.application.close()
  }

  @Test("Plain words are said to be readable, and those of another tenant are not counted")
  func plain() async throws {
    let house = try await IndexHouse()
    var random = SystemRandom("leakage-plain")
    let texts = Self.texts(&random)
    try await house.store(
      texts.indices.map { Self.item($0, texts[$0].conversation, texts[$0].words, key: nil) })
    let other = house.application.directory(try await house.application.tenant("other"))
    var batch = IngestBatch(source: "test")
    batch.items = [Self.item(1, "elsewhere", ["word0", "foreign"], key: nil)]
    _ = try await house.application.ingestor(other).store(batch)
    #expect(try await house.application.followFeedPatiently())
    let words = Set(texts.flatMap(\.words))
    let counts = Dictionary(texts.flatMap { $0.words.map { ($0, 1) } }, uniquingKeysWith: +)
    let reference = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    let report = try await Self.survey(house, ReferenceWords(ranked: reference), sample: 3)
    #expect(report.mode == .plain && report.messages == 240 && report.sampledConversations == 3)
    #expect(report.volumes.map(\.kind) == ["plain_word"] && report.volumes[0].distinct == words.count)
    #expect(report.keys == nil && report.collisions.isEmpty && report.cooccurrence == nil)
    #expect(report.advice.first?.detail.contains("everything is readable by the server") == true)
    let attack = try #require(report.attack)
    #expect(attack.truth == "plain_words")
    // Whoever knows the very frequencies recovers most where all are under one key, and less where few messages are.
    #expect(try #require(attack.oneKey).occurrences > attack.perConversation.occurrences)
    await house.application.close()
  }

  @Test(
    "Matching of ranks recovers all of what it knows, nothing of what is left out, and less of what is cut short"
  )
  func attack() {
    let unit = (0..<50).map {
      CountedToken(value: UInt64($0) << 58 | UInt64($0), documents: 100 - $0, word: $0)
    }
    let attack = FrequencyAttack(units: [unit], words: 50)
    #expect(attack.run() == LeakageReport.Recovery(tokens: 1, occurrences: 1))
    let without = attack.run(stopWords: 10)
    #expect(without.tokens == 0.8 && abs(without.occurrences - (1 - attack.share(ofStopWords: 10))) < 1e-12)
    #expect(FrequencyAttack(units: [unit], words: 5).run().tokens == 0.1)
    #expect(attack.falseHits(bits: 64) == 0 && attack.falseHits(bits: 4) > 0)
    #expect(attack.run(bits: 4).occurrences < 0.5)
  }

  @Test("Truncations are counted as sorting by hand counts them", arguments: [1, 2, 500, 5_000])
  func collisions(_ count: Int) {
    var random = SystemRandom("leakage-collisions")
    let values = Set((0..<count).map { _ in UInt64.random(in: 0...UInt64.max, using: &random) }).sorted()
    var statistics = TokenStatistics()
    for value in values {
      let tally = TermTally(value: [], documents: 1, conversations: 1)
      statistics.add(tally, CountedToken(value: value, documents: 1, word: -1))
    }
    for collision in statistics.collisions {
      let groups = Dictionary(grouping: values) { $0 >> UInt64(64 - collision.bits) }.values
      #expect(collision.pairs == groups.reduce(0) { $0 + $1.count * ($1.count - 1) / 2 })
      let merged = groups.filter { $0.count > 1 }.reduce(0) { $0 + $1.count }
      #expect(collision.tokensMerged == Double(merged) / Double(values.count))
    }
    #expect(abs(statistics.entropy - log2(Double(values.count))) < 1e-9)
  }

  @Test("A reference is a list of words and counts, or text")
  func reference() {
    #expect(ReferenceWords(text: "The 7\nof\t9\nRare 1\n").words == ["of", "the", "rare"])
    let words = ReferenceWords(text: "to be or not to be\nor be gone\n")
    #expect(words.words == ["be", "or", "gone", "not", "to"])
    #expect(words.rank(of: "or") == 1 && words.rank(of: "never") == -1)
    #expect(ReferenceWords(text: "").words.isEmpty)
  }
}
