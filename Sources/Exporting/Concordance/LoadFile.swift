/// Builds a Concordance load file: UTF-8 with a byte order mark, values in thorns, columns parted by DC4, rows by
/// CRLF. The format has no escapes: what would be taken for a mark is replaced.
struct LoadFile {
  private static let column: UInt8 = 0x14
  private static let qualifier: [UInt8] = [0xC3, 0xBE]
  static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private(set) var bytes: [UInt8] = []

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func row(_ values: [String]) {
    for (index, value) in values.enumerated() {
      if index > 0 { bytes.append(Self.column) }
      bytes += Self.qualifier
      bytes.append(contentsOf: Self.clean(value).utf8)
      bytes += Self.qualifier
    }
    bytes += [0x0D, 0x0A]
  }

  /// Line ends become ®, which readers turn back; thorn and ® of people's become their nearest letters. DC4 is a
  /// control character and goes as all of these do.
  private static func clean(_ value: String) -> String {
    var clean = String.UnicodeScalarView()
    var afterReturn = false
    for scalar in CleanText.printable(value).unicodeScalars {
      switch scalar {
      case "\n" where afterReturn: break
      case "\r", "\n", "\u{2028}", "\u{2029}": clean.append("\u{AE}")
      case "\u{FE}": clean.append(contentsOf: "th".unicodeScalars)
      case "\u{AE}": clean.append(contentsOf: "(R)".unicodeScalars)
      default: clean.append(scalar)
      }
      afterReturn = scalar == "\r"
    }
    return String(clean)
  }
}
