import Catalog
import History
import Model
import SearchIndex
import SearchTokens

extension LeakageSurvey {
  /// Words that a client could leave out: the reference's first ones.
  static let stopWords = 100
  /// Words of the reference that are blinded for each conversation, to know what the attack got right.
  private static let blindedWordsMax = 5_000

  /// Matches ranks within each conversation looked into, where it can be told what is right.
  func attack(
    blinded: Counted, plain: Counted, _ rooms: [Room], _ sample: Set<Int>, _ report: inout LeakageReport
  ) async throws {
    guard let reference = settings.reference else {
      report.attackLacks = "a reference: words of some public text of the same language (--reference)"
      return
    }
    let places = sample.sorted()
    var units: [[CountedToken]]
    let truth: String
    if blinded.statistics.distinct > 0 {
      guard let key = settings.key else {
        report.attackLacks =
          "the client's key, without which nobody can tell what was guessed right (--token-key)"
        return
      }
      truth = "token_key"
      let cards = try await directory.cards(Set(places.map { rooms[$0].id }))
      units = places.map { place in
        let unit = blinded.units[place] ?? []
        guard let name = cards[rooms[place].id]?.profile.id else { return unit }
        return named(
          unit, by: reference,
          key.master.conversationKey(
            tenant: directory.tenant.name, conversation: name, generation: key.generation))
      }
    } else {
      truth = "plain_words"
      units = places.map { plain.units[$0] ?? [] }
    }
    let sizes = places.map { rooms[$0].messages }
    let isPlain = truth == "plain_words"
    report.attack = Self.outcome(
      units, sizes: sizes, words: reference.words.count, truth: truth,
      whole: isPlain ? plain.statistics.ranked : nil)
  }

  /// The tokens of a conversation with the ranks of the words they stand for, as far as the reference has them.
  private func named(_ unit: [CountedToken], by reference: ReferenceWords, _ key: ConversationKey)
    -> [CountedToken]
  {
    var ranks: [UInt64: Int] = [:]
    for (rank, word) in reference.words.prefix(Self.blindedWordsMax).enumerated() {
      ranks[key.token(word).bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }] = rank
    }
    return unit.map {
      CountedToken(value: $0.value, documents: $0.documents, word: ranks[$0.value] ?? -1)
    }
  }

  /// - Parameter whole: all tokens under one key, where that can be measured.
  static func outcome(
    _ units: [[CountedToken]], sizes: [Int], words: Int, truth: String, whole: [CountedToken]?
  ) -> LeakageReport.Attack {
    let attack = FrequencyAttack(units: units, words: words)
    return LeakageReport.Attack(
      referenceWords: words, truth: truth, perConversation: attack.run(),
      oneKey: whole.map { FrequencyAttack(units: [$0], words: words).run() }, stopWords: stopWords,
      withoutStopWords: attack.run(stopWords: stopWords),
      stopWordsShare: attack.share(ofStopWords: stopWords),
      truncated: [16, 24, 32].map { bits in
        LeakageReport.Truncated(
          bits: bits, recovered: attack.run(bits: bits), falseHits: attack.falseHits(bits: bits))
      },
      bySize: bySize(units, sizes, words))
  }

  /// Bounds of the number of messages of a conversation.
  private static let sizeBounds: [Int?] = [50, 200, 1_000, 5_000, nil]

  private static func bySize(_ units: [[CountedToken]], _ sizes: [Int], _ words: Int)
    -> [LeakageReport.BySize]
  {
    var found: [LeakageReport.BySize] = []
    var from = 0
    for bound in sizeBounds {
      let chosen = units.indices.filter { sizes[$0] > from && sizes[$0] <= bound ?? .max }
      from = bound ?? from
      guard !chosen.isEmpty else { continue }
      let attack = FrequencyAttack(units: chosen.map { units[$0] }, words: words)
      found.append(
        LeakageReport.BySize(messagesMax: bound, conversations: chosen.count, recovered: attack.run()))
    }
    return found
  }
}
