import Model

/// What members look for; each kind costs an index something else.
enum BenchKind: String, CaseIterable, Sendable, Codable {
  case common, medium, rare
  case twoWords = "two words"
  case phrase, prefix

  /// Blinded words have no order, and no beginnings unless a client sends them.
  static func all(blinded: Bool) -> [BenchKind] {
    blinded ? [.common, .medium, .rare, .twoWords] : allCases
  }
}

/// Somebody who may see some conversations, most from their beginning, some from a later time.
struct BenchReader: Sendable {
  struct Window: Sendable {
    let conversation: Int64
    /// Microseconds, inclusive; it never ends.
    let from: Int64
  }

  let number: Int
  /// Conversations asked for; `windows` has fewer where there are fewer.
  let size: Int
  /// By conversation.
  let windows: [Window]
}

/// One search by one reader.
struct BenchQuery: Sendable {
  let kind: BenchKind
  let reader: Int
  /// None for a prefix.
  let words: [UInt32]
  let prefix: String

  static let limit = 50
}

/// The queries of a run: for every kind and every size of reader equally many.
struct BenchMix: Sendable {
  let readers: [BenchReader]
  /// By case, in the order of ``cases``.
  let queries: [[BenchQuery]]
  let cases: [BenchCase]

  static let readerSizes = [10, 1_000, 20_000]
  static let readersPerSize = 5
}

struct BenchCase: Hashable, Sendable {
  let kind: BenchKind
  let readerSize: Int

  var text: String { "\(kind.rawValue), \(readerSize) conversations" }
}

/// How often each word is in how many documents, and some documents: what queries are drawn from.
struct BenchCensus: Sendable {
  /// Documents by word.
  private(set) var frequencies: [Int]
  private(set) var documents = 0
  private(set) var first = Int64.max
  private(set) var last = Int64.min
  private var pairs: [(UInt32, UInt32)] = []
  private var random: SplitMix64

  private static let pairsMax = 4_096

  init(words: Int, seed: UInt64) {
    frequencies = [Int](repeating: 0, count: words)
    random = SplitMix64(seed: seed)
  }

  mutating func add(_ document: BenchDocument) {
    documents += 1
    first = min(first, document.createdAt)
    last = max(last, document.createdAt)
    for word in document.distinct { frequencies[Int(word)] += 1 }
    guard document.words.count > 1 else { return }
    let at = Int(random.next() % UInt64(document.words.count - 1))
    // Reservoir sampling.
    let place = pairs.count < Self.pairsMax ? pairs.count : Int(random.next() % UInt64(documents))
    guard place < Self.pairsMax else { return }
    let pair = (document.words[at], document.words[at + 1])
    if place == pairs.count { pairs.append(pair) } else { pairs[place] = pair }
  }

  /// - Parameter each: queries a case.
  func mix(each: Int, conversations: Int, blinded: Bool, vocabulary: BenchVocabulary) throws -> BenchMix {
    var random = random
    let ranked = frequencies.indices.filter { frequencies[$0] > 0 }.sorted {
      (frequencies[$1], $0) < (frequencies[$0], $1)
    }
    guard ranked.count >= 50, !pairs.isEmpty else { throw BenchError("there are too few words to look for") }
    let words = Words(ranked: ranked, frequencies: frequencies, documents: documents, vocabulary: vocabulary)
    var readers: [BenchReader] = []
    for size in BenchMix.readerSizes {
      for _ in 0..<BenchMix.readersPerSize {
        readers.append(reader(readers.count, size, of: conversations, &random))
      }
    }
    let kinds = BenchKind.all(blinded: blinded)
    let cases = kinds.flatMap { kind in
      BenchMix.readerSizes.map { BenchCase(kind: kind, readerSize: $0) }
    }
    let queries = cases.map { each_ in
      (0..<each).map { number in
        let group = readers.indices.filter { readers[$0].size == each_.readerSize }
        return query(each_.kind, reader: group[number % group.count], words, &random)
      }
    }
    return BenchMix(readers: readers, queries: queries, cases: cases)
  }

  /// Words by how common they are: the twenty most frequent, and those around a share of the documents.
  private struct Words {
    let common: ArraySlice<Int>
    let medium: ArraySlice<Int>
    let rare: ArraySlice<Int>
    let prefixes: [String]

    private static let mediumShare = 0.0027
    private static let rareShare = 0.00013
    /// As many words an index of ours lets a prefix stand for.
    private static let expansionsMax = 1_000

    init(ranked: [Int], frequencies: [Int], documents: Int, vocabulary: BenchVocabulary) {
      func around(_ share: Double) -> ArraySlice<Int> {
        let wanted = max(Int(Double(documents) * share), 1)
        let place = ranked.firstIndex { frequencies[$0] <= wanted } ?? ranked.count - 1
        let low = max(0, min(place - 25, ranked.count - 50))
        return ranked[low..<min(low + 50, ranked.count)]
      }
      common = ranked[0..<20]
      medium = around(Self.mediumShare)
      rare = around(Self.rareShare)
      let known = ranked.map { vocabulary.words[$0] }
      prefixes = medium.compactMap { word in
        let text = vocabulary.words[word]
        guard text.utf8.count >= 3 else { return nil }
        return (3...max(3, text.count)).lazy.map { String(text.prefix($0)) }.first { prefix in
          prefix.utf8.count >= 3
            && known.lazy.filter { $0.utf8.starts(with: prefix.utf8) }.count <= Self.expansionsMax
        }
      }
    }
  }

  private func reader(_ number: Int, _ size: Int, of conversations: Int, _ random: inout SplitMix64)
    -> BenchReader
  {
    let chosen: [Int64] =
      size >= conversations
      ? (1...Int64(conversations)).map { $0 }
      : {
        var set: Set<Int64> = []
        while set.count < size { set.insert(Int64(random.next() % UInt64(conversations)) + 1) }
        return set.sorted()
      }()
    // Every fifth conversation was joined halfway.
    let halfway = first + (last - first) / 2
    let windows = chosen.map { conversation in
      BenchReader.Window(
        conversation: conversation, from: random.next() % 5 == 0 ? halfway : Timestamp.earliest.microseconds)
    }
    return BenchReader(number: number, size: size, windows: windows)
  }

  private func query(_ kind: BenchKind, reader: Int, _ words: Words, _ random: inout SplitMix64) -> BenchQuery
  {
    func one(_ slice: ArraySlice<Int>, _ random: inout SplitMix64) -> UInt32 {
      UInt32(slice.randomElement(using: &random) ?? slice[slice.startIndex])
    }
    var asked: [UInt32] = []
    var prefix = ""
    switch kind {
    case .common: asked = [one(words.common, &random)]
    case .medium: asked = [one(words.medium, &random)]
    case .rare: asked = [one(words.rare, &random)]
    case .twoWords: asked = [one(words.common, &random), one(words.medium, &random)]
    case .phrase:
      let pair = pairs[Int(random.next() % UInt64(pairs.count))]
      asked = [pair.0, pair.1]
    case .prefix: prefix = words.prefixes.randomElement(using: &random) ?? ""
    }
    return BenchQuery(kind: kind, reader: reader, words: asked, prefix: prefix)
  }
}
