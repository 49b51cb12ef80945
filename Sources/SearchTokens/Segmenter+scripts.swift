extension Segmenter {
  /// A unit is a letter with the marks that follow it. Each unit and each pair of neighbours is a token; the
  /// pairs are the words, or the unit itself where there is only one.
  mutating func unspacedRun(from start: Int) -> Int {
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

  /// A pictograph with the tags behind it, or a flag: two halves. What joins pictographs to one picture was
  /// removed before, so the picture is a phrase of its parts.
  mutating func pictograph(from start: Int) -> Int {
    var end = start + 1
    if scalars[start].isA(.regional) {
      if kind(end, is: .regional) { end += 1 }
    } else {
      while kind(end, is: .tag) { end += 1 }
    }
    sink.add(scalars[start..<end], isWord: true)
    return end
  }
}

/// The article and the particles written in one with it: `الكتاب` and `والكتاب` are found by `كتاب`.
enum ArabicArticle {
  private static let (alef, lam, waw): (UInt32, UInt32, UInt32) = (0x0627, 0x0644, 0x0648)
  /// و ف ب ك, "and, so, with, like".
  private static let particles: Set<UInt32> = [waw, 0x0641, 0x0628, 0x0643]
  /// Scalars that must be left of a word.
  private static let restMin = 2

  static func mayStart(_ scalar: UInt32) -> Bool {
    (0x0627...0x0648).contains(scalar) && (scalar == alef || scalar == lam || particles.contains(scalar))
  }

  /// Where the word begins without its particle, and without the article.
  static func cuts(_ word: ArraySlice<ClassedScalar>) -> [Int] {
    let start = word.startIndex
    func stands(_ scalar: UInt32, _ offset: Int) -> Bool {
      start + offset < word.endIndex && word[start + offset].scalar == scalar
    }
    let cuts: [Int]
    if stands(alef, 0), stands(lam, 1) {
      cuts = [start + 2]
    } else if stands(lam, 0), stands(lam, 1) {
      cuts = [start + 2]
    } else if particles.contains(word[start].scalar), stands(alef, 1), stands(lam, 2) {
      cuts = [start + 1, start + 3]
    } else {
      return []
    }
    return word.endIndex - cuts[cuts.count - 1] >= restMin ? cuts : []
  }
}

/// Finds `http://` and `https://` in normalised text.
enum LinkScan {
  static func holdsLink(_ scalars: [ClassedScalar]) -> Bool {
    var index = 0
    // At least one letter or number follows `://`.
    while index + 3 < scalars.count {
      if scalars[index].scalar == 0x3A, startOfScheme(scalars[...], colon: index) != nil,
        scalars[index + 3].isLetter
      {
        return true
      }
      index += 1
    }
    return false
  }

  /// Where `http` or `https` begins, if it stands before `://` at `colon`.
  static func startOfScheme(_ scalars: ArraySlice<ClassedScalar>, colon: Int) -> Int? {
    guard colon + 2 < scalars.endIndex, scalars[colon + 1].scalar == 0x2F, scalars[colon + 2].scalar == 0x2F
    else { return nil }
    for scheme in ["http", "https"] {
      let start = colon - scheme.utf8.count
      guard start >= 0, start == 0 || !scalars[start - 1].isA(.word) else { continue }
      if scalars[start..<colon].elementsEqual(scheme.utf8, by: { $0.scalar == UInt32($1) }) { return start }
    }
    return nil
  }
}
