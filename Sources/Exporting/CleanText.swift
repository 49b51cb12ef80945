/// Text of people's made fit for formats that cannot hold every character.
enum CleanText {
  /// Control characters but tab and line ends become their pictures (U+2400…), C1 controls and noncharacters
  /// U+FFFD: what XML 1.0 (§2.2) forbids, and spreadsheets and load files stumble on.
  static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isForbidden) else { return text }
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { clean.append(isForbidden(scalar) ? picture(scalar) : scalar) }
    return String(clean)
  }

  /// The same on one line: every line end and tab becomes a space.
  static func line(_ text: String) -> String {
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0A, 0x0D, 0x85, 0x2028, 0x2029: clean.append(" ")
      default: clean.append(isForbidden(scalar) ? picture(scalar) : scalar)
      }
    }
    return String(clean)
  }

  private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0..<0x20, 0x7F..<0xA0: true
    case 0xFDD0...0xFDEF: true
    default: scalar.value & 0xFFFE == 0xFFFE
    }
  }

  private static func picture(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.value {
    case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}"
    case 0x7F: "\u{2421}"
    default: "\u{FFFD}"
    }
  }
}
