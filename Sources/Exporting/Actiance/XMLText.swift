/// Builds XML 1.0: what comes from people passes through ``element(_:_:)``.
struct XMLText {
  private(set) var bytes: [UInt8] = []
  private var depth: Int

  /// - Parameter depth: elements that are open already, where an earlier run ended.
  init(depth: Int = 0) { self.depth = depth }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func declaration() { raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }

  mutating func open(_ name: String, _ attributes: [(String, String)] = []) {
    indent()
    raw("<" + name)
    for (key, value) in attributes {
      raw(" \(key)=\"")
      text(CleanText.line(value))
      raw("\"")
    }
    raw(">\n")
    depth += 1
  }

  mutating func close(_ name: String) {
    depth -= 1
    indent()
    raw("</\(name)>\n")
  }

  /// An element that holds text; none without any.
  mutating func element(_ name: String, _ value: String?) {
    guard let value, !value.isEmpty else { return }
    indent()
    raw("<\(name)>")
    text(value)
    raw("</\(name)>\n")
  }

  private mutating func indent() {
    for _ in 0..<depth { bytes += [0x20, 0x20] }
  }

  private mutating func raw(_ markup: String) { bytes.append(contentsOf: markup.utf8) }

  /// CR is written as a reference, as parsers make LF of a bare one (XML 1.0 §2.11).
  private mutating func text(_ text: String) {
    for byte in CleanText.printable(text).utf8 {
      switch byte {
      case 0x26: raw("&amp;")
      case 0x3C: raw("&lt;")
      case 0x3E: raw("&gt;")
      case 0x22: raw("&quot;")
      case 0x0D: raw("&#13;")
      default: bytes.append(byte)
      }
    }
  }
}
