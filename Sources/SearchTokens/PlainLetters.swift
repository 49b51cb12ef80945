internal import Utf8proc

/// Letters without their accents: Latin and Greek, and the loose accents of any script.
///
/// Only there is the letter without its mark the same letter to most readers, or what they type where the
/// keyboard has no other. й, ї, が and क़ are letters of their own and stay.
struct PlainLetters: Sendable {
  static let shared = PlainLetters()

  /// By scalar: 0 where nothing changes, ``removed``, or one letter, or two with the second 16 bits higher.
  private let forms: [UInt32]

  static let removed: UInt32 = .max
  private static let size: UInt32 = 0x2100
  static let letterRanges: [ClosedRange<UInt32>] = [
    0xC0...0x24F, 0x370...0x3FF, 0x1E00...0x1EFF, 0x1F00...0x1FFF,
  ]
  static let markRanges: [ClosedRange<UInt32>] = [0x300...0x36F, 0x20D0...0x20FF]
  /// Letters that Unicode does not take apart.
  private static let special: [UInt32: UInt32] = [
    0xE6: 0x65 << 16 | 0x61, 0xF0: 0x64, 0xF8: 0x6F, 0xFE: 0x68 << 16 | 0x74, 0x111: 0x64, 0x127: 0x68,
    0x131: 0x69, 0x142: 0x6C, 0x153: 0x65 << 16 | 0x6F, 0x167: 0x74,
  ]

  private init() { forms = (0..<Self.size).map(Self.form) }

  private static func form(_ scalar: UInt32) -> UInt32 {
    let properties = ScalarProperties(scalar)
    if markRanges.contains(where: { $0.contains(scalar) }) {
      return properties.category == .mark ? removed : 0
    }
    guard letterRanges.contains(where: { $0.contains(scalar) }), properties.category == .letter else {
      return 0
    }
    let base = Normalization.firstDecomposed(scalar)
    if let letters = special[base] { return letters }
    return base == scalar ? 0 : base
  }

  /// The scalar without its accent, see ``forms``; 0 where it is that already.
  @inline(__always)
  subscript(scalar: UInt32) -> UInt32 { scalar < Self.size ? forms[Int(scalar)] : 0 }
}
