/// The simplest attack there is: the observer ranks tokens by frequency, ranks the words of some public text alike, and
/// takes the one for the other. What it recovers is a floor: whoever has more to go by recovers more.
struct FrequencyAttack: Sendable {
  /// Tokens that share a key, by what they are kept under.
  let units: [[CountedToken]]
  /// Ranks there are in the reference.
  let words: Int

  /// - Parameters:
  ///   - stopWords: so many of the reference's first words are not sent by clients at all, which the observer knows.
  ///   - bits: so many of each token are kept.
  func run(stopWords: Int = 0, bits: Int = 64) -> LeakageReport.Recovery {
    var recovery = LeakageReport.Recovery(tokens: 0, occurrences: 0)
    var (tokens, occurrences, found, foundOccurrences) = (0, 0, 0, 0)
    for unit in units {
      tokens += unit.count
      occurrences += unit.reduce(0) { $0 + $1.documents }
      let sent = unit.filter { !(0..<stopWords).contains($0.word) }
      for (rank, group) in Self.groups(sent, bits: bits).prefix(max(0, words - stopWords)).enumerated() {
        guard let hit = group.members.first(where: { $0.word == stopWords + rank }) else { continue }
        found += 1
        foundOccurrences += hit.documents
      }
    }
    recovery.tokens = TokenStatistics.ratio(found, tokens)
    recovery.occurrences = TokenStatistics.ratio(foundOccurrences, occurrences)
    return recovery
  }

  /// Share of occurrences that leaving out the reference's first words takes away, and with them from search.
  func share(ofStopWords count: Int) -> Double {
    let all = units.joined()
    let stopped = all.filter { (0..<count).contains($0.word) }.reduce(0) { $0 + $1.documents }
    return TokenStatistics.ratio(stopped, all.reduce(0) { $0 + $1.documents })
  }

  /// Hits of other words for each right one, when so many bits are kept and every token is looked for once.
  func falseHits(bits: Int) -> Double {
    var (wrong, right) = (0, 0)
    for unit in units {
      for group in Self.groups(unit, bits: bits) {
        right += group.documents
        wrong += group.documents * (group.members.count - 1)
      }
    }
    return TokenStatistics.ratio(wrong, right)
  }

  private struct Group {
    let members: [CountedToken]
    let documents: Int
    let start: UInt64
  }

  /// What looks like one token to the observer, the most frequent first.
  private static func groups(_ tokens: [CountedToken], bits: Int) -> [Group] {
    Dictionary(grouping: tokens) { $0.value >> UInt64(64 - bits) }.map { start, members in
      Group(members: members, documents: members.reduce(0) { $0 + $1.documents }, start: start)
    }.sorted { ($1.documents, $0.start) < ($0.documents, $1.start) }
  }
}
