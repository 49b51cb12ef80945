import Model
import SearchIndex

/// A message as every contestant of a benchmark gets it.
struct BenchDocument: Sendable {
  /// From 1, in order of time; what the peers know it by.
  var ordinal: Int64
  var conversation: Int64
  var sender: Int64
  /// Microseconds since 1970; no two are equal.
  var createdAt: Int64
  /// In text order, by their numbers in the vocabulary.
  var words: [UInt32]
  /// Further tokens the text is found by, which stand nowhere in it.
  var extras: [UInt32] = []

  var distinct: Set<UInt32> { Set(words).union(extras) }
}

/// What words become before they reach an index.
enum BenchTokens: Sendable {
  /// As they are, with places.
  case plain
  /// Eight bytes keyed by the conversation, without order. A fast mixing in the place of HMAC: an index cannot tell.
  case blinded(seed: UInt64)

  static let tenant = TenantID(rawValue: 1)

  var isBlinded: Bool {
    if case .blinded = self { return true }
    return false
  }

  /// The term under which a word of the conversation is found.
  func term(_ word: UInt32, _ conversation: Int64, _ vocabulary: BenchVocabulary) -> [UInt8] {
    switch self {
    case .plain: IndexTerms.word(vocabulary.utf8[Int(word)], tenant: Self.tenant)
    case .blinded: IndexTerms.blinded(.word, bytes(number(word, conversation)))
    }
  }

  /// The same as a number, for peers that have no bytes.
  func number(_ word: UInt32, _ conversation: Int64) -> Int64 {
    switch self {
    case .plain: return Self.mixed(UInt64(word) &+ 1)
    case .blinded(let seed):
      let key = UInt64(bitPattern: Self.mixed(seed ^ UInt64(bitPattern: conversation)))
      return Self.mixed(key ^ UInt64(word))
    }
  }

  /// The product's ids are random, and so is what an index holds of them; the peers get the small numbers.
  static func identifier(_ number: Int64) -> Int64 { mixed(UInt64(bitPattern: number)) & .max }

  /// As the indexer makes it (`Search`'s own is tested against the same terms).
  func indexed(_ document: BenchDocument, sequence: Int64, _ vocabulary: BenchVocabulary) -> IndexDocument {
    func terms(_ words: some Sequence<UInt32>) -> [[UInt8]] {
      words.map { term($0, document.conversation, vocabulary) }
    }
    let conversation = ConversationID(rawValue: Self.identifier(document.conversation))
    let sender = SubjectID(rawValue: Self.identifier(document.sender))
    let facts = [
      IndexTerms.tenant(Self.tenant), IndexTerms.conversation(conversation), IndexTerms.sender(sender),
    ]
    return IndexDocument(
      sequence: sequence, conversation: conversation, sender: sender,
      createdAt: Timestamp(microseconds: document.createdAt),
      terms: facts + terms(isBlinded ? Array(document.distinct) : document.extras),
      positioned: isBlinded ? [] : terms(document.words))
  }

  /// The words' own part of what a text index of the peers holds.
  func text(_ document: BenchDocument, _ vocabulary: BenchVocabulary) -> String {
    guard !isBlinded else {
      return document.distinct.sorted().map { text($0, document.conversation, vocabulary) }.joined(
        separator: " ")
    }
    let words = document.words.lazy.map { vocabulary.words[Int($0)] }.joined(separator: " ")
    // Behind a mark each, so that no phrase runs into them.
    return document.extras.reduce(words) { $0 + " \(Self.mark) " + vocabulary.words[Int($1)] }
  }

  private static let mark = "\u{1}"

  func text(_ word: UInt32, _ conversation: Int64, _ vocabulary: BenchVocabulary) -> String {
    isBlinded
      ? String(UInt64(bitPattern: number(word, conversation)), radix: 36) : vocabulary.words[Int(word)]
  }

  private func bytes(_ number: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  /// A bijection, so that different words stay different.
  private static func mixed(_ value: UInt64) -> Int64 {
    var random = SplitMix64(seed: value)
    return Int64(bitPattern: random.next())
  }
}

/// Words by number.
struct BenchVocabulary: Sendable {
  private(set) var words: [String] = []
  private(set) var utf8: [[UInt8]] = []
  private var numbers: [String: UInt32] = [:]

  mutating func number(_ word: String) -> UInt32 {
    if let known = numbers[word] { return known }
    let number = UInt32(words.count)
    numbers[word] = number
    words.append(word)
    utf8.append(Array(word.utf8))
    return number
  }
}
