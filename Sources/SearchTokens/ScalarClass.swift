internal import Utf8proc

/// What segmentation needs to know of a scalar.
enum ScalarClass: UInt8 {
  /// Ends a word: white space, most punctuation, symbols, controls, private use, unassigned.
  case separator = 0
  /// A letter or number of a script that puts spaces between words.
  case word = 1
  /// A letter or number of a script that does not: Han, kana, Thai, Lao, Khmer, Myanmar.
  case unspaced = 2
  /// A combining mark: part of what stands before it.
  case mark = 3
  /// `'`, `’` and `_`: part of a word when between two of its letters.
  case joiner = 4
  /// `+` and `#`: part of the word before them in `C++` and `C#`.
  case suffix = 5
  /// `@`.
  case at = 6
  /// Removed before anything else: it changes how text looks, not what it says.
  case ignored = 7

  /// Ranges of scalars that are ``unspaced`` when their category is letter or number, as in
  /// `Schemas/tokens/v1.md`.
  static let unspacedRanges: [ClosedRange<UInt32>] = [
    0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x2E80...0x2FDF, 0x3005...0x3007, 0x3021...0x3029,
    0x3031...0x3035, 0x3038...0x303C, 0x3041...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
    0xA9E0...0xA9FF, 0xAA60...0xAA7F, 0xF900...0xFAFF, 0x1AFF0...0x1B16F, 0x20000...0x3FFFD,
  ]

  /// Joiners, variation selectors and the like; removed before normalisation.
  static let ignoredRanges: [ClosedRange<UInt32>] = [
    0x00AD...0x00AD, 0x034F...0x034F, 0x180B...0x180F, 0x200C...0x200D, 0x2060...0x2060, 0xFE00...0xFE0F,
    0xFEFF...0xFEFF, 0xE0100...0xE01EF,
  ]

  init(_ scalar: UInt32) {
    switch scalar {
    case 0x27, 0x5F, 0x2019: self = .joiner
    case 0x23, 0x2B: self = .suffix
    case 0x40: self = .at
    default: self = Self.byRangeAndCategory(scalar)
    }
  }

  private static func byRangeAndCategory(_ scalar: UInt32) -> ScalarClass {
    if ignoredRanges.contains(where: { $0.contains(scalar) }) { return .ignored }
    switch ScalarProperties(scalar).category {
    case .letter, .number: return unspacedRanges.contains { $0.contains(scalar) } ? .unspaced : .word
    case .mark: return .mark
    default: return .separator
    }
  }
}
