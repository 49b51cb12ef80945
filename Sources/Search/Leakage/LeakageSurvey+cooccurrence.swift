import Model
import SearchIndex

extension LeakageSurvey {
  private static let conversationsMax = 20
  private static let tokensMax = 64

  /// Which frequent tokens of a conversation stand in one message, and whether that tells them apart. Of the largest
  /// conversations; `nil`: none has enough tokens.
  func cooccurrence(of units: [Int: [CountedToken]], _ rooms: [Room]) async throws
    -> LeakageReport.Cooccurrence?
  {
    let places = units.keys.sorted { (rooms[$1].messages, $0) < (rooms[$0].messages, $1) }
    var sum = Company()
    for place in places.prefix(Self.conversationsMax) {
      let tokens = CountedToken.ranked((units[place] ?? []).filter { $0.documents > 1 }).prefix(
        Self.tokensMax)
      guard tokens.count >= 2 else { continue }
      let room = rooms[place]
      let sequences = try await index.places(
        ofBlindedWords: tokens.map { token in
          (0..<8).map { UInt8(truncatingIfNeeded: token.value >> UInt64(56 - 8 * $0)) }
        }, in: room.id, group: room.route.group(of: groups))
      sum.add(sequences)
    }
    return sum.conversations == 0 ? nil : sum.result
  }
}

/// Frequent tokens of conversations and the company they keep.
struct Company: Sendable {
  private(set) var conversations = 0
  private var tokens = 0
  private var pairs = 0
  private var pairsTogether = 0
  private var apartByFrequency = 0
  private var apartByCompany = 0

  /// - Parameter messages: of each token of one conversation, those it is in.
  mutating func add(_ messages: [[Int64]]) {
    let numbers = Dictionary(
      Set(messages.joined()).sorted().enumerated().map { ($1, Int64($0)) },
      uniquingKeysWith: { first, _ in first })
    let sets = messages.map { places in
      var set = BitSet()
      for place in places { set.insert(numbers[place] ?? 0) }
      return set
    }
    var profiles: [[Int]] = []
    for (place, set) in sets.enumerated() {
      var together = sets.indices.filter { $0 != place }.map { set.shared(with: sets[$0]) }
      pairs += together.count
      pairsTogether += together.count { $0 > 0 }
      together.sort()
      profiles.append([messages[place].count] + together)
    }
    conversations += 1
    tokens += messages.count
    apartByFrequency += Self.unique(messages.map { [$0.count] })
    apartByCompany += Self.unique(profiles)
  }

  private static func unique(_ profiles: [[Int]]) -> Int {
    Dictionary(grouping: profiles) { $0 }.values.count { $0.count == 1 }
  }

  var result: LeakageReport.Cooccurrence {
    LeakageReport.Cooccurrence(
      conversations: conversations, tokens: tokens, pairs: TokenStatistics.ratio(pairsTogether, pairs),
      apartByFrequency: TokenStatistics.ratio(apartByFrequency, tokens),
      apartByCompany: TokenStatistics.ratio(apartByCompany, tokens))
  }
}
