internal import Utf8proc

/// Text after the removal of ignored scalars and normalisation `n1`, each scalar with its class.
struct NormalizedText {
  private(set) var scalars: [ClassedScalar] = []
  /// The text was longer than ``scalarsMax``.
  private(set) var isCut = false

  /// Scalars of a text that are looked at: bounds the work one message can cause.
  static let scalarsMax = 65_536
  /// Marks in a row that are kept; more is decoration, and costs utf8proc quadratic time.
  static let marksInARowMax = 30

  init(_ text: String, _ table: FoldingTable) {
    scalars.reserveCapacity(min(text.utf8.count, Self.scalarsMax) + 1)
    var text = text
    let isSimple = text.withUTF8 { (bytes: UnsafeBufferPointer<UInt8>) in fold(bytes, table) }
    if !isSimple { foldDependent(text, table) }
  }

  /// False at the first scalar that depends on its neighbours.
  private mutating func fold(_ bytes: UnsafeBufferPointer<UInt8>, _ table: FoldingTable) -> Bool {
    var index = 0
    var count = 0
    while index < bytes.count {
      guard count < Self.scalarsMax else {
        isCut = true
        return true
      }
      count += 1
      switch table[Self.decode(bytes, &index)] {
      case .one(let scalar): scalars.append(scalar)
      case .many(let expansion): for raw in expansion { scalars.append(ClassedScalar(raw: raw)) }
      case .ignored: break
      case .dependent: return false
      }
    }
    return true
  }

  /// `bytes` come from a `String`, so they are valid UTF-8.
  @inline(__always)
  private static func decode(_ bytes: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> UInt32 {
    let first = UInt32(bytes[index])
    if first < 0x80 {
      index += 1
      return first
    }
    let second = UInt32(bytes[index + 1] & 0x3F)
    if first < 0xE0 {
      index += 2
      return (first & 0x1F) << 6 | second
    }
    let third = UInt32(bytes[index + 2] & 0x3F)
    if first < 0xF0 {
      index += 3
      return (first & 0x0F) << 12 | second << 6 | third
    }
    index += 4
    return (first & 0x07) << 18 | second << 12 | third << 6 | UInt32(bytes[index - 1] & 0x3F)
  }

  private mutating func foldDependent(_ text: String, _ table: FoldingTable) {
    let prefix = text.unicodeScalars.prefix(Self.scalarsMax)
    isCut = prefix.endIndex != text.unicodeScalars.endIndex
    let folded = Normalization.foldedCompatibility(Self.withoutIgnored(prefix))
    scalars.removeAll(keepingCapacity: true)
    for scalar in String(decoding: folded, as: UTF8.self).unicodeScalars {
      if let finished = table.finished(scalar.value) { scalars.append(finished) }
    }
  }

  private static func withoutIgnored(_ text: Substring.UnicodeScalarView) -> [UInt8] {
    var kept = ""
    var marks = 0
    for scalar in text where ScalarClass(scalar.value) != .ignored {
      marks = ScalarProperties(scalar.value).combiningClass == 0 ? 0 : marks + 1
      if marks <= marksInARowMax { kept.unicodeScalars.append(scalar) }
    }
    return Array(kept.utf8)
  }

  /// The text itself, without the classes.
  var string: String {
    var view = String.UnicodeScalarView()
    for scalar in scalars { if let valid = Unicode.Scalar(scalar.scalar) { view.append(valid) } }
    return String(view)
  }
}
