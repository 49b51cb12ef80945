import Sodium

/// Ids and names as Slack's own exports have them: importers know things by their form.
enum SlackNames {
  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// A letter for the kind, and ten letters and digits that the platform's id determines.
  static func id(_ kind: Character, _ platformID: String) -> String {
    let hash = SHA256.hash(Array(platformID.utf8))
    let letters = hash.prefix(10).map { Character(Unicode.Scalar(alphabet[Int($0 & 31)])) }
    return String(kind) + String(letters)
  }

  /// Lower case, at most 80 characters, no blanks or punctuation (Slack's rules for channels); letters of every
  /// script stay.
  static func channel(_ title: String) -> String {
    var name = ""
    for scalar in title.lowercased().unicodeScalars.prefix(70) {
      switch scalar.properties.generalCategory {
      case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark, .spacingMark:
        name.unicodeScalars.append(scalar)
      default: if !name.hasSuffix("-"), !name.isEmpty { name += "-" }
      }
    }
    while name.hasSuffix("-") { name.removeLast() }
    return name
  }

  /// `&`, `<` and `>` are Slack's own marks.
  static func escaped(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x26 || $0 == 0x3C || $0 == 0x3E }) else { return text }
    return text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
