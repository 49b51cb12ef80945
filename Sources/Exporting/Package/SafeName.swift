/// Names of files that come from people: conversation names, attachment names.
enum SafeName {
  static let bytesMax = 60

  /// A file name that is one path component on any system whatever `text` holds: letters, marks and digits of any
  /// script stay, everything else (separators, controls, marks of direction, white space) becomes `_`. Always begins
  /// with `prefix`, which the caller makes unique and which keeps reserved names away.
  static func make(_ prefix: String, _ text: String) -> String {
    var name = ""
    var bytes = 0
    for scalar in text.unicodeScalars {
      let kept = allows(scalar) ? scalar : "_"
      if kept == "_", name.isEmpty || name.hasSuffix("_") { continue }
      guard bytes + UTF8.width(kept) <= bytesMax else { break }
      name.unicodeScalars.append(kept)
      bytes += UTF8.width(kept)
    }
    while name.hasSuffix("_") { name.removeLast() }
    return name.isEmpty ? prefix : prefix + "-" + name
  }

  private static func allows(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "-" { return true }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
      .nonspacingMark, .spacingMark:
      return true
    default: return false
    }
  }
}
