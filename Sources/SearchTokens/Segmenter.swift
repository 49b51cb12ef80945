/// Cuts normalised text into words, by the rules of `Schemas/tokens/v1.md` §3.
struct Segmenter {
  private let scalars: [ClassedScalar]
  private var sink: TokenSink
  private var mentions = false

  init(_ scalars: [ClassedScalar], distinctMax: Int) {
    self.scalars = scalars
    sink = TokenSink(distinctMax: distinctMax)
  }

  /// Walks the text once. Stops early when the sink is full.
  consuming func run(isCut: Bool) -> TokenizedText {
    var index = 0
    while index < scalars.count, !sink.isFull {
      switch scalars[index].kindBits {
      case UInt32(ScalarClass.word.rawValue): index = word(from: index)
      case UInt32(ScalarClass.unspaced.rawValue): index = unspacedRun(from: index)
      default:
        if scalars[index].isA(.at), isMention(index) { mentions = true }
        index += 1
      }
    }
    var flags: [String] = []
    if LinkScan.holdsLink(scalars) { flags.append("link") }
    if mentions { flags.append("mention") }
    return sink.finish(flags: flags, isCut: isCut)
  }

  private func kind(_ index: Int, is kind: ScalarClass) -> Bool {
    index < scalars.count && scalars[index].isA(kind)
  }

  private func isLetter(_ index: Int) -> Bool { index < scalars.count && scalars[index].isLetter }

  /// `@` with a letter behind it and none before it: not the one inside an e-mail address.
  private func isMention(_ index: Int) -> Bool {
    isLetter(index + 1) && !(index > 0 && (isLetter(index - 1) || kind(index - 1, is: .mark)))
  }

  private mutating func word(from start: Int) -> Int {
    var end = start
    var isJoined = false
    while true {
      if kind(end, is: .word) || kind(end, is: .mark) {
        end += 1
      } else if kind(end, is: .joiner), kind(end + 1, is: .word) {
        isJoined = true
        end += 2
      } else {
        break
      }
    }
    let suffixed = end + suffixLength(at: end)
    sink.add(scalars[start..<suffixed], isWord: true)
    if suffixed > end { sink.add(scalars[start..<end], isWord: false) }
    if isJoined { addParts(scalars[start..<end]) }
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

  /// A unit is a letter with the marks that follow it. Each unit and each pair of neighbours is a token; the
  /// pairs are the words, or the unit itself where there is only one.
  private mutating func unspacedRun(from start: Int) -> Int {
    var unitEnd = endOfUnit(start)
    guard kind(unitEnd, is: .unspaced) else {
      sink.add(scalars[start..<unitEnd], isWord: true)
      return unitEnd
    }
    var unitStart = start
    while true {
      sink.add(scalars[unitStart..<unitEnd], isWord: false)
      guard kind(unitEnd, is: .unspaced), !sink.isFull else { return unitEnd }
      let nextEnd = endOfUnit(unitEnd)
      sink.add(scalars[unitStart..<nextEnd], isWord: true)
      unitStart = unitEnd
      unitEnd = nextEnd
    }
  }

  private func endOfUnit(_ start: Int) -> Int {
    var end = start + 1
    while kind(end, is: .mark) { end += 1 }
    return end
  }
}

/// Finds `http://` and `https://` in normalised text.
enum LinkScan {
  static func holdsLink(_ scalars: [ClassedScalar]) -> Bool {
    var index = 0
    // At least one letter or number follows `://`.
    while index + 3 < scalars.count {
      if scalars[index].scalar == 0x3A, scalars[index + 1].scalar == 0x2F, scalars[index + 2].scalar == 0x2F,
        endsInScheme(scalars[..<index]), scalars[index + 3].isLetter
      {
        return true
      }
      index += 1
    }
    return false
  }

  private static func endsInScheme(_ before: ArraySlice<ClassedScalar>) -> Bool {
    ["http", "https"].contains { scheme in
      let tail = before.suffix(scheme.unicodeScalars.count)
      let isWhole = tail.startIndex == 0 || !before[tail.startIndex - 1].isA(.word)
      return isWhole && tail.elementsEqual(scheme.unicodeScalars) { $0.scalar == $1.value }
    }
  }
}
