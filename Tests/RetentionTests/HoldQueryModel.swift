import Model

/// A query as a tree of its own, that is written down and answered without any of the product's code.
indirect enum Wish: Sendable {
  case word(String)
  case phrase(String, String)
  case beginning(String)
  case all([Wish])
  case any([Wish])
  case not(Wish)

  static let words = ["alpha", "bravo", "charlie", "delta", "alpine", "brave"]

  init(_ random: inout Random, depth: Int = 3) {
    switch random.below(depth == 0 ? 3 : 6) {
    case 0: self = .word(random.pick(Self.words))
    case 1: self = .phrase(random.pick(Self.words), random.pick(Self.words))
    case 2: self = .beginning(String(random.pick(Self.words).prefix(3 + random.below(2))))
    case 3: self = .not(Wish(&random, depth: depth - 1))
    case 4: self = .all((0..<2).map { _ in Wish(&random, depth: depth - 1) })
    default: self = .any((0..<2).map { _ in Wish(&random, depth: depth - 1) })
    }
  }

  var text: String {
    switch self {
    case .word(let word): word
    case .phrase(let first, let second): "\"\(first) \(second)\""
    case .beginning(let start): "\(start)*"
    case .all(let wishes): "(\(wishes.map(\.text).joined(separator: " ")))"
    case .any(let wishes): "(\(wishes.map(\.text).joined(separator: " OR ")))"
    case .not(let wish): "-(\(wish.text))"
    }
  }

  func isGranted(by words: [String]) -> Bool {
    switch self {
    case .word(let word): words.contains(word)
    case .phrase(let first, let second): zip(words, words.dropFirst()).contains { $0 == (first, second) }
    case .beginning(let start): words.contains { $0.hasPrefix(start) }
    case .all(let wishes): wishes.allSatisfy { $0.isGranted(by: words) }
    case .any(let wishes): wishes.contains { $0.isGranted(by: words) }
    case .not(let wish): !wish.isGranted(by: words)
    }
  }
}

/// One version of a message, of which the house knows more or less.
struct Told: Sendable {
  enum Way: CaseIterable, Sendable { case text, textWithTokens, ordered, unordered, blinded, nothing }

  let words: [String]
  let way: Way

  init(_ random: inout Random) {
    words = (0..<random.below(4)).map { _ in random.pick(Wish.words) }
    way = random.pick(Way.allCases)
  }

  func payload(_ id: String) -> MessagePayload {
    let bytes = words.map { Array($0.utf8) }
    let tokens: TokenSet? =
      switch way {
      case .text, .nothing: nil
      case .textWithTokens, .ordered:
        TokenSet(
          mode: .plain, set: Array(Set(bytes)).sorted { $0.lexicographicallyPrecedes($1) }, sequence: bytes)
      case .unordered: TokenSet(mode: .plain, set: Array(Set(bytes)))
      case .blinded: TokenSet(mode: .blinded, generation: 1, set: [[1, 2, 3, 4, 5, 6, 7, 8]])
      }
    let isText = way == .text || way == .textWithTokens
    return MessagePayload(
      messageID: id,
      body: isText ? .plain(words.joined(separator: " ")) : .sealed(SealedBody(ciphertext: [1, 2, 3])),
      tokens: tokens)
  }

  /// Whether what is known decides every query.
  var isKnown: Bool {
    switch way {
    case .text, .textWithTokens: true
    // Without an order there is nothing to know of a phrase.
    case .ordered: !words.isEmpty
    case .unordered, .blinded, .nothing: false
    }
  }

  /// Whether the message may match for all that is known: what it says, in every order where that is not told.
  func mayMatch(_ wish: Wish) -> Bool {
    switch way {
    case .text, .textWithTokens, .ordered: wish.isGranted(by: words)
    case .unordered: Self.orders(of: words).contains { wish.isGranted(by: $0) }
    case .blinded, .nothing: true
    }
  }

  private static func orders(of words: [String]) -> [[String]] {
    guard words.count > 1 else { return [words] }
    return words.indices.flatMap { index in
      var rest = words
      let first = rest.remove(at: index)
      return orders(of: rest).map { [first] + $0 }
    }
  }
}
