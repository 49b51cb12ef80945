/// Builds comma-separated values (RFC 4180) that no spreadsheet takes for formulas.
struct CSVRow {
  private(set) var bytes: [UInt8] = []
  private var isFirst = true

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    isFirst = true
  }

  mutating func row(_ cells: [String?]) {
    for text in cells { cell(text ?? "") }
    bytes += [0x0D, 0x0A]
    isFirst = true
  }

  /// A cell that a spreadsheet would read as a formula gets an apostrophe in front, behind which it stays text
  /// (OWASP, "CSV Injection"). Every cell that holds more than plain letters and digits is quoted.
  private mutating func cell(_ text: String) {
    if !isFirst { bytes.append(0x2C) }
    isFirst = false
    let clean = CleanText.printable(text)
    let guarded = Self.looksLikeFormula(clean) ? "'" + clean : clean
    guard guarded.utf8.contains(where: Self.needsQuotes) else {
      bytes.append(contentsOf: guarded.utf8)
      return
    }
    bytes.append(0x22)
    for byte in guarded.utf8 {
      if byte == 0x22 { bytes.append(0x22) }
      bytes.append(byte)
    }
    bytes.append(0x22)
  }

  /// Also the full-width forms, which some spreadsheets fold, and what hides behind blanks.
  static func looksLikeFormula(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first else { return false }
    switch first {
    case "=", "+", "-", "@", "\t", "\r", "\n", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}": return true
    default: break
    }
    let shown = text.unicodeScalars.first { !$0.properties.isWhitespace && $0 != "\u{FEFF}" }
    return shown.map { "=+-@".unicodeScalars.contains($0) } ?? false
  }

  private static func needsQuotes(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: ":"):
      false
    default: true
    }
  }
}
