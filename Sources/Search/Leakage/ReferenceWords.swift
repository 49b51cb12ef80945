import SearchTokens

/// Words of some public text, the most frequent first: what an observer who does not know the messages has.
package struct ReferenceWords: Sendable {
  package let words: [String]
  private let ranks: [String: Int]

  /// Beyond this rank frequencies say nothing.
  package static let wordsMax = 20_000

  package init(ranked words: [String]) {
    self.words = Array(words.prefix(Self.wordsMax))
    ranks = Dictionary(zip(self.words, 0...)) { first, _ in first }
  }

  /// From lines `word count`, or from text, each line of which counts as a message.
  package init(text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    let counted = lines.prefix(100).allSatisfy { Self.entry($0) != nil }
    var counts: [String: Int] = [:]
    let tokenizer = Tokenizer()
    for line in lines {
      if counted {
        guard let (word, count) = Self.entry(line) else { continue }
        counts[tokenizer.normalized(word), default: 0] += count
      } else {
        for token in tokenizer.tokens(in: String(line)).set { counts[token, default: 0] += 1 }
      }
    }
    self.init(ranked: counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key))
  }

  private static func entry(_ line: Substring) -> (word: String, count: Int)? {
    let parts = line.split { $0 == " " || $0 == "\t" }
    guard parts.count == 2, let count = Int(parts[1]), count > 0 else { return nil }
    return (String(parts[0]), count)
  }

  package func rank(of word: String) -> Int { ranks[word] ?? -1 }
}
