import Sodium

/// Builds Internet messages (RFC 5322) of ASCII alone, with line ends as asked for: CRLF in files of their own, LF
/// in mailboxes.
struct MailText {
  /// RFC 5322 §2.1.1 advises 78 columns.
  private static let columnsMax = 76
  /// Words of headers and boundaries of parts never come from people.
  private(set) var bytes: [UInt8] = []
  private let lineEnd: [UInt8]

  init(lineEnd: [UInt8] = [0x0D, 0x0A]) { self.lineEnd = lineEnd }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Our own ASCII, and a line's end.
  mutating func line(_ ascii: String = "") {
    bytes.append(contentsOf: ascii.utf8)
    bytes += lineEnd
  }

  /// A header whose value is our own structure (addresses, ids, dates): folded between its words only.
  mutating func header(_ name: String, words: [String]) {
    var column = name.utf8.count + 1
    bytes.append(contentsOf: (name + ":").utf8)
    for word in words {
      if column + 1 + word.utf8.count > Self.columnsMax, column > name.utf8.count + 1 {
        bytes += lineEnd
        column = 0
      }
      bytes.append(0x20)
      bytes.append(contentsOf: word.utf8)
      column += 1 + word.utf8.count
    }
    bytes += lineEnd
  }

  /// A header whose value is people's text: as it is if it is short plain ASCII, in encoded words otherwise.
  mutating func header(_ name: String, text: String?) {
    guard let text else { return }
    header(name, words: Self.words(text, columns: Self.columnsMax - name.utf8.count - 2))
  }

  /// Text as words of an unstructured header (RFC 2047 §5(1)).
  static func words(_ text: String, columns: Int = columnsMax) -> [String] {
    let line = CleanText.line(text)
    if line.utf8.count <= columns, !line.isEmpty, line.utf8.allSatisfy({ (0x20...0x7E).contains($0) }),
      !line.hasPrefix(" "), !line.hasSuffix(" "), !line.contains("=?"), !line.contains("  ")
    {
      return line.split(separator: " ").map(String.init)
    }
    return encodedWords(line)
  }

  /// Base64 words of at most 75 columns each; none splits a character (RFC 2047 §5).
  static func encodedWords(_ text: String) -> [String] {
    let bytesMax = 45
    var words: [String] = []
    var pending: [UInt8] = []
    for scalar in text.unicodeScalars {
      let utf8 = Array(String(Character(scalar)).utf8)
      if pending.count + utf8.count > bytesMax {
        words.append("=?UTF-8?B?\(pending.base64())?=")
        pending.removeAll(keepingCapacity: true)
      }
      pending += utf8
    }
    if !pending.isEmpty { words.append("=?UTF-8?B?\(pending.base64())?=") }
    return words
  }

  // MARK: Bodies

  /// Quoted-printable (RFC 2045 §6.7). The `F` of `From ` at a line's start is encoded too, so that a mailbox needs
  /// no quoting of its own (RFC 2049 §3), and a lone `.` for those who send the file over SMTP.
  mutating func quotedPrintable(_ text: String) {
    let source = Array(Self.withUnixLines(text).utf8)
    var column = 0
    for index in source.indices {
      let byte = source[index]
      if byte == 0x0A {
        bytes += lineEnd
        column = 0
        continue
      }
      let isLast = index + 1 == source.count || source[index + 1] == 0x0A
      let isLiteral = Self.isLiteral(byte, atStart: column == 0, isLast: isLast, source, index)
      let width = isLiteral ? 1 : 3
      if column + width > Self.columnsMax - 1 {
        bytes.append(0x3D)
        bytes += lineEnd
        column = 0
      }
      // What follows a soft break begins a line as well.
      if isLiteral, column > 0 || Self.isLiteral(byte, atStart: true, isLast: isLast, source, index) {
        bytes.append(byte)
        column += 1
      } else {
        appendEscape(byte)
        column += 3
      }
    }
    bytes += lineEnd
  }

  private static func isLiteral(_ byte: UInt8, atStart: Bool, isLast: Bool, _ source: [UInt8], _ index: Int)
    -> Bool
  {
    switch byte {
    case 0x20, 0x09: !isLast
    case 0x3D: false
    case UInt8(ascii: "F"): !(atStart && source[index...].starts(with: Array("From ".utf8)))
    case UInt8(ascii: "."): !atStart
    case 0x21...0x7E: true
    default: false
    }
  }

  private mutating func appendEscape(_ byte: UInt8) {
    let digits = Array("0123456789ABCDEF".utf8)
    bytes += [0x3D, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }

  mutating func base64(_ content: [UInt8]) {
    let bytesPerLine = 57
    for start in stride(from: 0, to: content.count, by: bytesPerLine) {
      line(Array(content[start..<min(start + bytesPerLine, content.count)]).base64())
    }
  }

  /// CRLF and lone CR count as one line end each.
  private static func withUnixLines(_ text: String) -> String {
    guard text.utf8.contains(0x0D) else { return text }
    return text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
  }
}
