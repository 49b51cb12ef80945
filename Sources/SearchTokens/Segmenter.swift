/// Cuts normalised text into words, by the rules of `Schemas/tokens/v1.md` §3.
struct Segmenter {
  let scalars: [ClassedScalar]
  var sink: TokenSink
  /// What stands for a whole query word, with its place; recorded for queries only.
  private(set) var entities: [(span: Range<Int>, token: UInt16)] = []
  private let isQuery: Bool
  private var mentions = false
  private var sawColon = false
  /// Words up to here have been looked at as parts of a dotted name or a number.
  var dottedEnd = 0
  var numberEnd = 0

  init(_ scalars: [ClassedScalar], distinctMax: Int, isQuery: Bool = false) {
    self.scalars = scalars
    self.isQuery = isQuery
    sink = TokenSink(distinctMax: distinctMax, recordsExact: isQuery)
  }

  /// Walks the text once. Stops early when the sink is full.
  consuming func run(isCut: Bool) -> TokenizedText {
    walk()
    return finish(isCut: isCut)
  }

  /// As ``run(isCut:)``, with what a query needs besides.
  consuming func runQuery(isCut: Bool) -> QueryTokens {
    walk()
    let exact = sink.exact.map(sink.text)
    let wholes = wholes()
    let text = finish(isCut: isCut)
    return QueryTokens(words: text.words, exact: exact, wholes: wholes, isTruncated: text.isTruncated)
  }

  private consuming func finish(isCut: Bool) -> TokenizedText {
    var flags: [String] = []
    // Unless reading stopped early, a text without a colon that could be a link's was seen to have none.
    if sawColon || sink.isFull, LinkScan.holdsLink(scalars) { flags.append("link") }
    if mentions { flags.append("mention") }
    return sink.finish(flags: flags, isCut: isCut)
  }

  private mutating func walk() {
    var index = 0
    while index < scalars.count, !sink.isFull {
      switch scalars[index].kindBits {
      case UInt32(ScalarClass.separator.rawValue): index += 1
      case UInt32(ScalarClass.word.rawValue): index = word(from: index)
      case UInt32(ScalarClass.unspaced.rawValue): index = unspacedRun(from: index)
      case UInt32(ScalarClass.emoji.rawValue), UInt32(ScalarClass.regional.rawValue):
        index = pictograph(from: index)
      default:
        sign(at: index)
        index += 1
      }
    }
  }

  private mutating func sign(at index: Int) {
    if scalars[index].isA(.at) {
      if isMention(index) {
        mentions = true
        mention(at: index)
      }
    } else if scalars[index].isA(.colon) {
      sawColon = true
      shortcode(at: index)
    } else if scalars[index].scalar == 0x23 {
      hashtag(at: index)
    }
  }

  func kind(_ index: Int, is kind: ScalarClass) -> Bool {
    index < scalars.count && scalars[index].isA(kind)
  }

  func isLetter(_ index: Int) -> Bool { index < scalars.count && scalars[index].isLetter }

  /// A letter of a script with spaces, or the mark of one, right before. Scripts without put signs right
  /// behind a word.
  func followsWord(_ index: Int) -> Bool {
    index > 0 && (kind(index - 1, is: .word) || kind(index - 1, is: .mark))
  }

  /// `@` with a letter behind it and no word before it: not the one inside an e-mail address.
  private func isMention(_ index: Int) -> Bool { isLetter(index + 1) && !followsWord(index) }

  mutating func addEntity(_ sign: UInt8? = nil, _ scalars: ArraySlice<ClassedScalar>, span: Range<Int>) {
    guard let token = sink.addEntity(sign, scalars), isQuery else { return }
    entities.append((span, token))
  }

  /// The tokens that each stand for all letters of the text.
  private func wholes() -> [String] {
    func counts(_ scalar: ClassedScalar) -> Bool {
      scalar.isLetter || scalar.isA(.emoji) || scalar.isA(.regional)
    }
    guard let first = scalars.firstIndex(where: counts), let last = scalars.lastIndex(where: counts) else {
      return []
    }
    var wholes: [String] = []
    for (span, token) in entities where span.lowerBound <= first && last < span.upperBound {
      let text = sink.text(token)
      if !wholes.contains(text) { wholes.append(text) }
    }
    return wholes
  }

  /// Where the word that starts here ends, before its suffix, and whether joiners are in it.
  func endOfWord(_ start: Int) -> (end: Int, isJoined: Bool) {
    var end = start
    var isJoined = false
    while end < scalars.count {
      let scalar = scalars[end]
      if scalar.isA(.word) || scalar.isA(.mark) {
        end += 1
      } else if scalar.isA(.joiner), kind(end + 1, is: .word) {
        isJoined = true
        end += 2
      } else {
        break
      }
    }
    return (end, isJoined)
  }

  private mutating func word(from start: Int) -> Int {
    let (end, isJoined) = endOfWord(start)
    let suffixed = end + suffixLength(at: end)
    if start >= dottedEnd, suffixed == end { dottedName(from: start, firstEnd: end) }
    if start >= numberEnd, scalars[start].isASCIIDigit { number(from: start) }
    sink.add(scalars[start..<suffixed], isWord: true)
    if suffixed > end { sink.add(scalars[start..<end], isWord: false) }
    if isJoined { addParts(scalars[start..<end]) }
    if ArabicArticle.mayStart(scalars[start].scalar) {
      for cut in ArabicArticle.cuts(scalars[start..<end]) { sink.add(scalars[cut..<end], isWord: false) }
    }
    return suffixed
  }

  /// 1 for `#`, 2 for `++`, when neither more of them nor a letter follows.
  private func suffixLength(at index: Int) -> Int {
    guard kind(index, is: .suffix) else { return 0 }
    var end = index
    while end < index + 3, kind(end, is: .suffix) { end += 1 }
    let length = end - index
    guard !isLetter(end) else { return 0 }
    let hash = UInt32(0x23)
    if length == 1 { return scalars[index].scalar == hash ? 1 : 0 }
    return length == 2 && scalars[index..<end].allSatisfy { $0.scalar != hash } ? 2 : 0
  }

  /// What lies between the joiners of a word, where it is two scalars or longer: `l'amour` is found by
  /// `amour`.
  private mutating func addParts(_ word: ArraySlice<ClassedScalar>) {
    for part in word.split(whereSeparator: { $0.isA(.joiner) }) where part.count >= 2 {
      sink.add(part, isWord: false)
    }
  }
}

/// What a query needs of a word or phrase.
struct QueryTokens {
  /// As in a message's sequence: without accents.
  let words: [String]
  /// The same as written.
  let exact: [String]
  /// Tokens that stand for the whole text: of an address, a mention, a hashtag, a shortcode, a number.
  let wholes: [String]
  let isTruncated: Bool
}
