import Foundation
import SearchIndex

/// A token in one conversation, or in the whole tenant: how often it occurs and, where that is known, which word of the
/// reference it stands for.
struct CountedToken: Sendable, Hashable {
  /// Its eight bytes as a number; of a plain word, a hash of it.
  let value: UInt64
  var documents: Int
  /// Rank of the word in the reference; -1: not known.
  let word: Int
}

/// What can be counted of a class of tokens while they pass by in ascending order. Holds a bit a message and a fixed
/// number of tokens, whatever their number.
struct TokenStatistics: Sendable {
  private(set) var distinct = 0
  private(set) var occurrences = 0
  /// Tokens of one message alone.
  private(set) var once = 0
  /// Tokens that occur in several conversations.
  private(set) var shared = 0
  private var weighted = 0.0
  private var most: [CountedToken] = []
  private var truncations = Truncation.all
  private var marked: [Int: [Int: BitSet]] = [:]

  /// Most frequent tokens that are kept.
  static let mostMax = 20_000
  /// In how few messages a token is counted as one that tells them from others.
  static let fewMessages = [1, 2, 5]

  mutating func add(_ tally: TermTally, _ token: CountedToken) {
    distinct += 1
    occurrences += tally.documents
    if tally.documents == 1 { once += 1 }
    if tally.conversations > 1 { shared += 1 }
    weighted += Double(tally.documents) * log2(Double(tally.documents))
    most.append(token)
    if most.count >= 2 * Self.mostMax { most = Array(CountedToken.ranked(most).prefix(Self.mostMax)) }
    for place in truncations.indices { truncations[place].add(token.value) }
    for few in Self.fewMessages where tally.documents <= few {
      for place in tally.places {
        marked[few, default: [:]][place.group, default: BitSet()].insert(place.sequence)
      }
    }
  }

  /// The most frequent first.
  var ranked: [CountedToken] { Array(CountedToken.ranked(most).prefix(Self.mostMax)) }

  /// Share of all occurrences that the most frequent tokens have.
  func share(ofMost count: Int) -> Double {
    Self.ratio(ranked.prefix(count).reduce(0) { $0 + $1.documents }, occurrences)
  }

  /// Of the token of a random occurrence, in bits.
  var entropy: Double {
    occurrences == 0 ? 0 : log2(Double(occurrences)) - weighted / Double(occurrences)
  }

  /// If all tokens were equally frequent.
  var entropyMax: Double { distinct == 0 ? 0 : log2(Double(distinct)) }

  /// The slope of frequency over rank among the thousand most frequent, both as logarithms: about 1 in natural text.
  var zipfExponent: Double? {
    let points = ranked.prefix(1_000).enumerated().map { (log(Double($0 + 1)), log(Double($1.documents))) }
    guard points.count >= 10 else { return nil }
    let count = Double(points.count)
    let (x, y) = (points.reduce(0) { $0 + $1.0 } / count, points.reduce(0) { $0 + $1.1 } / count)
    let spread = points.reduce(0) { $0 + ($1.0 - x) * ($1.0 - x) }
    return spread == 0 ? nil : -points.reduce(0) { $0 + ($1.0 - x) * ($1.1 - y) } / spread
  }

  /// Messages that have a token which so few messages have.
  func marked(few: Int) -> Int { (marked[few] ?? [:]).values.reduce(0) { $0 + $1.count } }

  var collisions: [LeakageReport.Collision] {
    truncations.map { $0.ended(of: distinct) }
  }

  static func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
}

extension CountedToken {
  /// The most frequent first; of equal frequency by their bytes, which an observer sees too.
  static func ranked(_ tokens: [CountedToken]) -> [CountedToken] {
    tokens.sorted { ($1.documents, $0.value) < ($0.documents, $1.value) }
  }
}

/// How many tokens become one when only their first bits are kept: as they come in order, those that would are
/// neighbours.
private struct Truncation: Sendable {
  let bits: Int
  private var last: UInt64?
  private var run = 0
  private var merged = 0
  private var pairs = 0

  static let all = [16, 24, 32, 40, 64].map(Truncation.init)

  init(bits: Int) { self.bits = bits }

  mutating func add(_ value: UInt64) {
    let start = value >> UInt64(64 - bits)
    if start == last {
      run += 1
    } else {
      end()
      (last, run) = (start, 1)
    }
  }

  private mutating func end() {
    if run > 1 { merged += run }
    pairs += run * (run - 1) / 2
  }

  func ended(of distinct: Int) -> LeakageReport.Collision {
    var whole = self
    whole.end()
    let count = Double(distinct)
    return LeakageReport.Collision(
      bits: bits, expectedPairs: count * max(0, count - 1) / 2 / pow(2, Double(bits)), pairs: whole.pairs,
      tokensMerged: TokenStatistics.ratio(whole.merged, distinct))
  }
}

/// Numbers from 0 on, a bit each.
struct BitSet: Sendable, Hashable {
  private(set) var words: [UInt64] = []

  mutating func insert(_ number: Int64) {
    let place = Int(number >> 6)
    if place >= words.count { words += [UInt64](repeating: 0, count: place + 1 - words.count) }
    words[place] |= 1 << UInt64(number & 63)
  }

  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  func shared(with other: BitSet) -> Int {
    zip(words, other.words).reduce(0) { $0 + ($1.0 & $1.1).nonzeroBitCount }
  }
}
