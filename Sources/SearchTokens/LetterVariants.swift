/// Letters that are written in more than one way by people who mean the same, replaced in all text: step 5 of
/// `n1`.
enum LetterVariants {
  /// What stands for a scalar of normalised text; `nil` where it falls away.
  static func standard(_ scalar: UInt32) -> UInt32? {
    if scalar < 0x0451 { return scalar }
    switch scalar {
    case 0x0451: return 0x0435  // Russian ё, which most people write е
    case 0x0622, 0x0623, 0x0625, 0x0671: return 0x0627  // alef with its signs
    case 0x0629, 0x06C0...0x06C2: return 0x0647  // teh marbuta, and heh of Persian and Urdu
    case 0x0649, 0x06CC: return 0x064A  // alef maksura and Persian yeh
    case 0x06A9: return 0x0643  // Persian kaf
    case 0x0653...0x0655: return nil  // hamza and madda that composed with nothing
    default: return digit(scalar)
    }
  }

  /// First scalars of the digits 0 to 9 of other scripts.
  static let zeros: [UInt32] = [
    0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0,
    0x0F20, 0x1040, 0x17E0, 0x1810,
  ]

  private static func digit(_ scalar: UInt32) -> UInt32? {
    guard (0x0660...0x1819).contains(scalar),
      let zero = zeros.first(where: { ($0...$0 + 9).contains(scalar) })
    else { return ScalarClass(scalar) == .ignored ? nil : scalar }
    return 0x30 + scalar - zero
  }
}
