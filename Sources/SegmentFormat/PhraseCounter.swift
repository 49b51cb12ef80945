/// Finds the phrases that many authors used: runs of whole words, each counted once an author.
///
/// A phrase grows word by word for as long as it is common, so that what is common only in parts is never taken for
/// common as a whole (Agrawal and Srikant's Apriori, 1994).
package struct PhraseCounter {
  /// A phrase of fewer authors could be told to be somebody's, and would outlive the erasure of its author.
  package static let authorsMin = 8
  static let wordsMax = 16
  /// Shorter ones are not worth a reference.
  static let bytesMin = 4

  /// A run of words that begins at `word`.
  struct Phrase {
    let word: Int
    let words: Int
    let bytes: Int
    var authors: Int32 = 0
    var occurrences: Int32 = 0
    var lastAuthor: Int32 = -1

    /// Bytes that a dictionary with it saves, roughly: a reference takes three.
    var gain: Int { (Int(occurrences) - 1) * (bytes - 3) }
  }

  private(set) var bytes: [UInt8] = []
  /// Where words start in `bytes`; one more than there are words.
  private var starts: [Int] = [0]
  private var hashes: [UInt64] = []
  /// Words of the same text from this one on.
  private var following: [Int32] = []
  private var authors: [Int32] = []
  private var author: Int32 = -1
  private let seed: UInt64
  /// The hash of no words.
  var start: UInt64 { seed }

  /// - Parameter seed: random, so that nobody can choose texts whose hashes collide.
  package init(seed: UInt64) { self.seed = seed }

  package var textBytes: Int { bytes.count }
  package var authorCount: Int { Int(author + 1) }

  /// One author's texts, all of them: an author added twice would count twice.
  package mutating func add(author texts: [[UInt8]]) {
    author += 1
    for text in texts {
      let first = hashes.count
      // With the zero byte that ends a text in its lane.
      let text = text + [0]
      var start = 0
      while start < text.count {
        let end = Self.wordEnd(text, start)
        hashes.append(text[start..<end].reduce(seed) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 })
        starts.append(bytes.count + end)
        authors.append(author)
        start = end
      }
      bytes += text
      let count = hashes.count - first
      following += (0..<count).map { Int32(count - $0) }
    }
  }

  /// Letters and digits of ASCII together; any other character alone.
  private static func wordEnd(_ text: [UInt8], _ start: Int) -> Int {
    func isWord(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
    var end = start + 1
    if isWord(text[start]) {
      while end < text.count, isWord(text[end]) { end += 1 }
    } else if text[start] >= 0xC0 {
      while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
    }
    return end
  }

  func content(_ phrase: Phrase) -> ArraySlice<UInt8> {
    bytes[starts[phrase.word]..<starts[phrase.word + phrase.words]]
  }

  /// The hash of a run of words, from that of the run without its last.
  func extended(_ hash: UInt64, by word: Int) -> UInt64 {
    var mixed = hash ^ (hashes[word] &+ 0x9E37_79B9_7F4A_7C15)
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ (mixed >> 27)
  }

  /// Phrases of at least `authorsMin` authors, each once.
  func common() -> [Phrase] {
    var common: [Phrase] = []
    var live = Array(hashes.indices)
    var runs = [UInt64](repeating: start, count: hashes.count)
    for words in 1...Self.wordsMax where !live.isEmpty {
      var counts: [UInt64: Phrase] = [:]
      for word in live {
        runs[word] = extended(runs[word], by: word + words - 1)
        count(word, words, in: &counts[runs[word]])
      }
      counts = counts.filter { $0.value.authors >= Self.authorsMin }
      common += counts.values.filter { $0.bytes >= Self.bytesMin && $0.occurrences > 1 }
      live = longer(live, runs, counts, words)
    }
    return common
  }

  private func count(_ word: Int, _ words: Int, in phrase: inout Phrase?) {
    var counted = phrase ?? Phrase(word: word, words: words, bytes: starts[word + words] - starts[word])
    counted.occurrences += 1
    if counted.lastAuthor != authors[word] { counted.authors += 1 }
    counted.lastAuthor = authors[word]
    phrase = counted
  }

  /// Where a run of one more word can be common: both runs without one of its ends are.
  private func longer(_ live: [Int], _ runs: [UInt64], _ counts: [UInt64: Phrase], _ words: Int) -> [Int] {
    let common = live.filter { counts[runs[$0]] != nil }
    let next = zip(common, common.dropFirst())
    return next.filter { $1 == $0 + 1 && Int(following[$0]) > words }.map(\.0)
  }
}
