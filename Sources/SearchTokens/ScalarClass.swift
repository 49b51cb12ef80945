internal import Utf8proc

/// What segmentation needs to know of a scalar.
enum ScalarClass: UInt8 {
  /// Ends a word: white space, most punctuation, symbols, controls, private use, unassigned.
  case separator = 0
  /// A letter or number of a script that puts spaces between words.
  case word = 1
  /// A letter or number of a script that does not, or whose words carry particles: Han, kana, Hangul, Thai,
  /// Lao, Khmer, Myanmar.
  case unspaced = 2
  /// A combining mark: part of what stands before it.
  case mark = 3
  /// `'`, `’` and `_`: part of a word when between two of its letters.
  case joiner = 4
  /// `+` and `#`: part of the word before them in `C++` and `C#`; `#` begins a hashtag.
  case suffix = 5
  /// `@`.
  case at = 6
  /// Removed: it changes how text looks, not what it says.
  case ignored = 7
  /// A pictograph.
  case emoji = 8
  /// Half of a flag.
  case regional = 9
  /// Spells the name of a region behind a black flag.
  case tag = 10
  /// `:`, around a shortcode.
  case colon = 11

  /// Ranges of scalars that are ``unspaced`` when their category is letter or number, as in
  /// `Schemas/tokens/v1.md`.
  static let unspacedRanges: [ClosedRange<UInt32>] = [
    0x0E00...0x0EFF, 0x1000...0x109F, 0x1100...0x11FF, 0x1780...0x17FF, 0x2E80...0x2FDF, 0x3005...0x3007,
    0x3021...0x3029, 0x3031...0x3035, 0x3038...0x303C, 0x3041...0x30FF, 0x3130...0x318F, 0x31F0...0x31FF,
    0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA960...0xA97F, 0xA9E0...0xA9FF, 0xAA60...0xAA7F, 0xAC00...0xD7FF,
    0xF900...0xFAFF, 0x1AFF0...0x1B16F, 0x20000...0x3FFFD,
  ]

  /// Pictographs, by range and not by property: so a pictograph that Unicode adds later in one of these
  /// blocks is a token with any table.
  static let emojiRanges: [ClosedRange<UInt32>] = [
    0x2194...0x2199, 0x21A9...0x21AA, 0x231A...0x231B, 0x2328...0x2328, 0x23CF...0x23CF, 0x23E9...0x23F3,
    0x23F8...0x23FA, 0x25AA...0x25AB, 0x25B6...0x25B6, 0x25C0...0x25C0, 0x25FB...0x25FE, 0x2600...0x2767,
    0x2794...0x27BF, 0x2934...0x2935, 0x2B05...0x2B07, 0x2B1B...0x2B1C, 0x2B50...0x2B50, 0x2B55...0x2B55,
    0x1F004...0x1F004, 0x1F0CF...0x1F0CF, 0x1F170...0x1F171, 0x1F17E...0x1F17F, 0x1F18E...0x1F18E,
    0x1F191...0x1F19A, 0x1F300...0x1FAFF,
  ]

  /// Joiners, variation selectors, skin tones, Hebrew points, Arabic vowel signs and the like; removed before
  /// normalisation and once more behind it.
  static let ignoredRanges: [ClosedRange<UInt32>] = [
    0x00AD...0x00AD, 0x034F...0x034F, 0x0591...0x05BD, 0x05BF...0x05BF, 0x05C1...0x05C2, 0x05C4...0x05C5,
    0x05C7...0x05C7, 0x0640...0x0640, 0x064B...0x0652, 0x0656...0x065F, 0x0670...0x0670, 0x06D6...0x06DC,
    0x06DF...0x06E4, 0x06E7...0x06E8, 0x06EA...0x06ED, 0x180B...0x180F, 0x200C...0x200D, 0x2060...0x2060,
    0xFE00...0xFE0F, 0xFEFF...0xFEFF, 0x1F3FB...0x1F3FF, 0xE0100...0xE01EF,
  ]

  init(_ scalar: UInt32) {
    switch scalar {
    case 0x27, 0x5F, 0x2019: self = .joiner
    case 0x23, 0x2B: self = .suffix
    case 0x3A: self = .colon
    case 0x40: self = .at
    case 0x1F1E6...0x1F1FF: self = .regional
    case 0xE0020...0xE007F: self = .tag
    default: self = Self.byRangeAndCategory(scalar)
    }
  }

  private static func byRangeAndCategory(_ scalar: UInt32) -> ScalarClass {
    if holds(ignoredRanges, scalar) { return .ignored }
    if scalar >= 0x2194, holds(emojiRanges, scalar) { return .emoji }
    switch ScalarProperties(scalar).category {
    case .letter, .number: return holds(unspacedRanges, scalar) ? .unspaced : .word
    case .mark: return .mark
    default: return .separator
    }
  }

  /// Over rising ranges, by halves: every process that makes tokens asks for each scalar of two planes first.
  private static func holds(_ ranges: [ClosedRange<UInt32>], _ scalar: UInt32) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= scalar
  }
}
