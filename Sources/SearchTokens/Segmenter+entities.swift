/// Tokens of whole names, addresses, mentions, hashtags, shortcodes and numbers, beside the words they are
/// made of.
extension Segmenter {
  /// Words of a dotted name that are taken together.
  private static let nameWordsMax = 8
  /// Places at which an address is cut.
  private static let cutsMax = 8

  /// Words joined by single `.`, `-` or `@`, with a `.` or `@` among them: hosts, mail addresses, versions,
  /// file names, `foo.bar`. Its endings and beginnings are tokens too: a member who knows `example.com` finds
  /// `www.example.com`.
  mutating func dottedName(from start: Int, firstEnd: Int) {
    guard isConnector(firstEnd) else { return }
    var words = [start..<firstEnd]
    var isDotted = false
    var ats = 0
    var end = firstEnd
    while words.count < Self.nameWordsMax, isConnector(end) {
      if scalars[end].isA(.at) {
        guard ats == 0 else { break }
        ats += 1
      }
      if scalars[end].scalar != 0x2D { isDotted = true }
      let next = end + 1
      end = endOfWord(next).end
      words.append(next..<end)
    }
    dottedEnd = end
    guard isDotted else { return }
    let all = start..<end
    let span = (scheme(before: start) ?? start)..<end
    addEntity(nil, scalars[all], span: span)
    for word in words.dropFirst().dropLast() { addName(word.lowerBound..<end) }
    for word in words.dropFirst().dropLast().reversed() { addName(start..<word.upperBound) }
    address(words, span: span)
  }

  /// `.`, `-` or `@` with a word right behind it.
  private func isConnector(_ index: Int) -> Bool {
    guard index + 1 < scalars.count, scalars[index + 1].isA(.word) else { return false }
    let scalar = scalars[index].scalar
    return scalar == 0x2E || scalar == 0x2D || scalar == 0x40
  }

  private mutating func addName(_ range: Range<Int>) {
    guard scalars[range].contains(where: { $0.scalar == 0x2E || $0.isA(.at) }) else { return }
    addEntity(nil, scalars[range], span: range)
  }

  private func scheme(before start: Int) -> Int? {
    start < 3 ? nil : LinkScan.startOfScheme(scalars[...], colon: start - 3)
  }

  /// Of a name with a path: everything up to each `/`, `?`, `&`, `#` and to the end, without `www.`.
  private mutating func address(_ words: [Range<Int>], span: Range<Int>) {
    let end = words[words.count - 1].upperBound
    guard let path = startOfPath(end) else { return }
    let isWWW = words.count > 2 && scalars[words[0]].elementsEqual("www".utf8) { $0.scalar == UInt32($1) }
    let start = isWWW ? words[1].lowerBound : words[0].lowerBound
    var (index, lettersEnd, taken, cuts) = (path, path, path, 0)
    while cuts < Self.cutsMax, index - start <= TokenSink.tokenBytesMax {
      let isPart = index < scalars.count && isAddressPart(scalars[index])
      if isPart, scalars[index].isA(.word) || scalars[index].isA(.mark) {
        lettersEnd = index + 1
      } else if !isPart || Self.isCut(scalars[index].scalar) {
        if lettersEnd > taken {
          addEntity(nil, scalars[start..<lettersEnd], span: span.lowerBound..<lettersEnd)
          taken = lettersEnd
          cuts += 1
        }
        guard isPart else { return }
      }
      index += 1
    }
  }

  /// Behind a name, and a port where there is one, the `/` of a path.
  private func startOfPath(_ end: Int) -> Int? {
    var index = end
    if kind(index, is: .colon) {
      index += 1
      while index < end + 6, index < scalars.count, scalars[index].isASCIIDigit { index += 1 }
    }
    return index < scalars.count && scalars[index].scalar == 0x2F ? index : nil
  }

  private static func isCut(_ scalar: UInt32) -> Bool {
    scalar == 0x2F || scalar == 0x3F || scalar == 0x26 || scalar == 0x23
  }

  /// A letter of a script with spaces, or what stands between letters in paths and queries.
  private func isAddressPart(_ scalar: ClassedScalar) -> Bool {
    if scalar.isA(.word) || scalar.isA(.mark) { return true }
    guard scalar.scalar < 0x80 else { return false }
    return "/?&#=.-~%+:@,;!$*_'".utf8.contains(UInt8(scalar.scalar))
  }

  /// `@` and the name behind it; once more with what `-` or `.` joins to it.
  mutating func mention(at index: Int) {
    let end = endOfLabel(index + 1)
    addEntity(0x40, scalars[index + 1..<end], span: index..<end)
    var longer = end
    for _ in 1..<Self.nameWordsMax {
      guard isConnector(longer), !scalars[longer].isA(.at) else { break }
      longer = endOfWord(longer + 1).end
    }
    if longer > end { addEntity(0x40, scalars[index + 1..<longer], span: index..<longer) }
  }

  /// `#` and the letters behind it.
  mutating func hashtag(at index: Int) {
    guard isLetter(index + 1), index == 0 || scalars[index - 1].scalar != 0x26 else { return }
    let end = endOfLabel(index + 1)
    addEntity(0x23, scalars[index + 1..<end], span: index..<end)
  }

  /// Letters of any script, with joiners between them.
  private func endOfLabel(_ start: Int) -> Int {
    var end = start
    while end < scalars.count {
      if isLetter(end) || kind(end, is: .mark) {
        end += 1
      } else if kind(end, is: .joiner), isLetter(end + 1) {
        end += 2
      } else {
        break
      }
    }
    return end
  }

  /// `:tada:`, `:+1:`: what chat systems write for a pictograph.
  mutating func shortcode(at index: Int) {
    guard !followsWord(index) else { return }
    var end = index + 1
    var holdsLetter = false
    while end < scalars.count, end - index <= Self.shortcodeMax, isShortcodePart(scalars[end]) {
      holdsLetter = holdsLetter || scalars[end].isLetter
      end += 1
    }
    guard holdsLetter, kind(end, is: .colon), !kind(end + 1, is: .word) else { return }
    addEntity(nil, scalars[index...end], span: index..<end + 1)
  }

  /// Scalars between the colons.
  private static let shortcodeMax = 40

  private func isShortcodePart(_ scalar: ClassedScalar) -> Bool {
    scalar.isLetter || scalar.isA(.mark) || scalar.isA(.joiner) || scalar.scalar == 0x2B
      || scalar.scalar == 0x2D
  }

  /// Digits in groups of three: `1,000`, `1.000`, `1'000` and `1_000` are found as `1000`; `1,234.5` as
  /// `1234` and `1234.5`.
  mutating func number(from start: Int) {
    guard start == 0 || !isNumberContinued(start) else { return }
    var digits = endOfDigits(start)
    guard (1...3).contains(digits - start), let separator = groupSeparator(digits) else { return }
    var value = Array(scalars[start..<digits])
    var end = digits
    while groupSeparator(end) == separator, endOfDigits(end + 1) == end + 4 {
      value += scalars[end + 1..<end + 4]
      end += 4
    }
    guard end > digits else { return }
    numberEnd = end
    if !isContinued(end) { addEntity(nil, value[...], span: start..<end) }
    guard let point = groupSeparator(end), point != separator, point == 0x2E || point == 0x2C else { return }
    digits = endOfDigits(end + 1)
    guard digits > end + 1, !isContinued(digits) else { return }
    addEntity(nil, value[...], span: start..<end)
    value.append(ClassedScalar(0x2E, .separator))
    addEntity(nil, value + scalars[end + 1..<digits], span: start..<digits)
    numberEnd = digits
  }

  private func endOfDigits(_ start: Int) -> Int {
    var end = start
    while end < scalars.count, scalars[end].isASCIIDigit { end += 1 }
    return end
  }

  private func groupSeparator(_ index: Int) -> UInt32? {
    guard index < scalars.count else { return nil }
    switch scalars[index].scalar {
    case 0x2C, 0x2E, 0x27, 0x5F: return scalars[index].scalar
    case 0x2019: return 0x27
    default: return nil
    }
  }

  /// A letter, a digit or one more group follows.
  private func isContinued(_ index: Int) -> Bool {
    isLetter(index)
      || groupSeparator(index) != nil && index + 1 < scalars.count && scalars[index + 1].isASCIIDigit
  }

  /// A digit and a separator stand before.
  private func isNumberContinued(_ start: Int) -> Bool {
    start > 1 && groupSeparator(start - 1) != nil && scalars[start - 2].isASCIIDigit
  }
}
