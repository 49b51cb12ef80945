/// The tokens of one text.
///
/// Kept in a compact form; the lists are made when asked for. Tokens are 1 to 64 bytes of UTF-8 without
/// control characters.
public struct TokenizedText: Sendable, Hashable {
  private let bytes: [UInt8]
  private let ends: [UInt32]
  private let wordNumbers: [UInt16]
  /// What the text holds: `link`, `mention`, and `truncated` if its end is not searchable, in this order.
  /// What a message carries besides its text (`image`, `file`) is the caller's to add.
  public let flags: [String]
  /// The text had more tokens than the limit, or was longer than what is looked at: its end is not
  /// searchable.
  public let isTruncated: Bool

  init(bytes: [UInt8], ends: [UInt32], words: [UInt16], flags: [String], isTruncated: Bool) {
    self.bytes = bytes
    self.ends = ends
    self.wordNumbers = words
    self.flags = flags
    self.isTruncated = isTruncated
  }

  /// The words in text order, with repeats and without accents: what `sequence` of plain tokens holds. Of a
  /// run of a script without spaces, the overlapping pairs; the letter itself where the run has only one.
  public var words: [String] { wordNumbers.map { token(Int($0)) } }

  /// Every distinct token, sorted by its UTF-8 bytes: the words with and without their accents, the parts of
  /// joined words, single letters and pairs of scripts without spaces, pictographs, and whole names,
  /// addresses, mentions, hashtags and numbers.
  public var set: [String] { order.map(token) }

  /// The distinct pairs of neighbouring words, joined by U+001F and sorted by their bytes. Input of the
  /// blinded bigram class only: as plain tokens they would hold a control character.
  public var bigrams: [String] {
    var pairs: Set<[UInt8]> = []
    for (left, right) in zip(wordNumbers, wordNumbers.dropFirst()) {
      pairs.insert(slice(Int(left)) + [Self.pairSeparator] + slice(Int(right)))
    }
    return Self.sorted(pairs)
  }

  /// The distinct beginnings of 3 to 6 scalars of the words of scripts with spaces, sorted by their bytes. A
  /// word of exactly so many scalars is a beginning of itself. Names and addresses begin as their first word
  /// does.
  public var prefixes: [String] {
    var beginnings: Set<[UInt8]> = []
    for number in ends.indices {
      let scalars = token(number).unicodeScalars
      guard Self.isWord(scalars) else { continue }
      for length in Self.prefixScalars where scalars.count >= length {
        beginnings.insert(Array(String(scalars.prefix(length)).utf8))
      }
    }
    return Self.sorted(beginnings)
  }

  private static func isWord(_ scalars: String.UnicodeScalarView) -> Bool {
    scalars.allSatisfy {
      switch ScalarClass($0.value) {
      case .word, .mark, .joiner, .suffix: true
      default: false
      }
    } && scalars.first?.value != 0x23
  }

  /// Lengths in scalars of what ``prefixes`` holds.
  public static let prefixScalars = 3...6
  static let pairSeparator: UInt8 = 0x1F

  /// ``words`` as bytes.
  package var wordBytes: [[UInt8]] { wordNumbers.map { Array(slice(Int($0))) } }

  /// ``set`` as bytes.
  package var setBytes: [[UInt8]] { order.map { Array(slice($0)) } }

  /// Token numbers by the tokens' bytes. The first eight bytes decide nearly always, so they are compared as
  /// a number.
  private var order: [Int] {
    let keyed = ends.indices.map { number in (start: Self.start(slice(number)), number: number) }
    return keyed.sorted { left, right in
      if left.start != right.start { return left.start < right.start }
      return slice(left.number).lexicographicallyPrecedes(slice(right.number))
    }.map(\.number)
  }

  private static func start(_ token: ArraySlice<UInt8>) -> UInt64 {
    var value: UInt64 = 0
    for byte in token.prefix(8) { value = value << 8 | UInt64(byte) }
    // No token holds a zero byte, so filling up keeps a shorter token before its continuations.
    return value << UInt64(8 * max(0, 8 - token.count))
  }

  private func slice(_ number: Int) -> ArraySlice<UInt8> {
    bytes[(number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number])]
  }

  private func token(_ number: Int) -> String { String(decoding: slice(number), as: UTF8.self) }

  private static func sorted(_ tokens: Set<[UInt8]>) -> [String] {
    tokens.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
  }
}
