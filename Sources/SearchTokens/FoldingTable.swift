internal import Utf8proc

/// A scalar of normalised text together with what segmentation must know of it: `accent << 25 | class << 21 |
/// scalar`.
struct ClassedScalar {
  let raw: UInt32

  init(raw: UInt32) { self.raw = raw }

  init(_ scalar: UInt32, _ kind: ScalarClass) {
    raw = UInt32(kind.rawValue) << 21 | scalar | (PlainLetters.shared[scalar] == 0 ? 0 : Self.accentBit)
  }

  private static let accentBit: UInt32 = 1 << 25

  var scalar: UInt32 { raw & 0x1F_FFFF }
  var kindBits: UInt32 { raw >> 21 & 15 }
  /// ``PlainLetters`` has another form of it.
  var isAccented: Bool { raw & Self.accentBit != 0 }

  func isA(_ kind: ScalarClass) -> Bool { kindBits == UInt32(kind.rawValue) }

  /// A letter or number of any script.
  var isLetter: Bool { isA(.word) || isA(.unspaced) }

  var isASCIIDigit: Bool { (0x30...0x39).contains(scalar) }
}

/// Normalisation `n1` one scalar at a time, for text in which no scalar changes another: nearly all text.
///
/// If each scalar of a text starts afresh (no earlier one can compose with it, also not after folding), then
/// n1 of the text is n1 of its scalars, joined. Text with any other scalar goes through utf8proc as a whole.
struct FoldingTable: Sendable {
  enum Entry { case one(ClassedScalar), many(ArraySlice<UInt32>), dependent, ignored }

  static let shared = FoldingTable()

  /// Planes 0 and 1. Bit 31: dependent on its neighbours; bit 30: `count << 21 | offset` into `expansions`.
  private let entries: [UInt32]
  private let expansions: [UInt32]
  /// What a scalar of text that is normalised up to step 4 becomes; class ``ScalarClass/ignored`` where it
  /// falls away.
  private let finished: [UInt32]

  private static let size: UInt32 = 0x20000
  private static let dependentBit: UInt32 = 1 << 31
  private static let expansionBit: UInt32 = 1 << 30
  private static let ignoredBits = UInt32(ScalarClass.ignored.rawValue)

  private init() {
    var entries: [UInt32] = []
    var expansions: [UInt32] = []
    entries.reserveCapacity(Int(Self.size))
    let finished = (0..<Self.size).map { Self.finish($0).raw }
    for scalar in 0..<Self.size {
      entries.append(Self.entry(scalar, finished, &expansions))
    }
    self.entries = entries
    self.expansions = expansions
    self.finished = finished
  }

  private static func finish(_ scalar: UInt32) -> ClassedScalar {
    guard let standard = LetterVariants.standard(scalar) else { return ClassedScalar(scalar, .ignored) }
    return ClassedScalar(standard, ScalarClass(standard))
  }

  private static func entry(_ scalar: UInt32, _ finished: [UInt32], _ expansions: inout [UInt32]) -> UInt32 {
    let properties = ScalarProperties(scalar)
    let own = finished[Int(scalar)]
    guard let valid = Unicode.Scalar(scalar), ScalarClass(scalar) != .ignored else { return own }
    if properties.isStable { return properties.startsAfresh ? own : dependentBit }
    // A Hangul syllable stays as it is; a final consonant that would join it is itself dependent.
    if (0xAC00...0xD7A3).contains(scalar) { return own }
    let folded = Normalization.folded(Normalization.compatibilityComposed(Array(String(valid).utf8)))
    guard startsAfresh(scalar), let first = String(decoding: folded, as: UTF8.self).unicodeScalars.first,
      startsAfresh(first.value)
    else { return dependentBit }
    let result = String(decoding: Normalization.compatibilityComposed(folded), as: UTF8.self).unicodeScalars
    let classed = result.map { finish($0.value) }.filter { !$0.isA(.ignored) }.map(\.raw)
    if classed.count == 1 { return classed[0] }
    expansions += classed
    return expansionBit | UInt32(classed.count) << 21 | UInt32(expansions.count - classed.count)
  }

  private static func startsAfresh(_ scalar: UInt32) -> Bool {
    ScalarProperties(Normalization.firstDecomposed(scalar)).startsAfresh
  }

  /// The entry of any scalar. The planes above 1 hold Han, of which only the compatibility forms change.
  @inline(__always)
  subscript(scalar: UInt32) -> Entry {
    guard scalar < Self.size else { return outside(scalar) }
    let raw = entries[Int(scalar)]
    if raw & (Self.dependentBit | Self.expansionBit) == 0 {
      return raw >> 21 & 15 == Self.ignoredBits ? .ignored : .one(ClassedScalar(raw: raw))
    }
    if raw & Self.dependentBit != 0 { return .dependent }
    let start = Int(raw & 0x1F_FFFF)
    return .many(expansions[start..<start + Int(raw >> 21 & 0x1FF)])
  }

  private func outside(_ scalar: UInt32) -> Entry {
    let kind = ScalarClass(scalar)
    if kind == .ignored { return .ignored }
    let properties = ScalarProperties(scalar)
    return properties.isStable && properties.startsAfresh ? .one(ClassedScalar(scalar, kind)) : .dependent
  }

  /// Step 5 for a scalar of text that went through the steps before; `nil` where it falls away.
  func finished(_ scalar: UInt32) -> ClassedScalar? {
    let classed =
      scalar < Self.size
      ? ClassedScalar(raw: finished[Int(scalar)]) : ClassedScalar(scalar, ScalarClass(scalar))
    return classed.isA(.ignored) ? nil : classed
  }
}
