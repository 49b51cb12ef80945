/// Writes JSON (RFC 8259) straight into bytes: the inner loop of an export.
///
/// Only what JSON demands is escaped, so that text of every script stays as long as it was. Members get their
/// commas by themselves; the caller nests objects and arrays by closures.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init(reservingCapacity capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// Goes on after elements of a list that were written before.
  init(elements: [UInt8]) {
    bytes = elements
    needsComma = !elements.isEmpty
  }

  /// Starts anew with the memory it has.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  /// Ends a line of NDJSON.
  mutating func endLine() {
    bytes.append(0x0A)
    needsComma = false
  }

  mutating func object(_ members: (inout JSONWriter) -> Void) { nest(0x7B, 0x7D, members) }

  mutating func array(_ elements: (inout JSONWriter) -> Void) { nest(0x5B, 0x5D, elements) }

  mutating func key(_ name: String) {
    string(name)
    bytes.append(0x3A)
    needsComma = false
  }

  mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { quoted($0) }
  }

  /// Text that is UTF-8 already.
  mutating func string(utf8 text: [UInt8]) { text.withUnsafeBufferPointer { quoted($0) } }

  mutating func integer(_ number: Int64) {
    separate()
    bytes.append(contentsOf: String(number).utf8)
  }

  mutating func bool(_ value: Bool) {
    separate()
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
  }

  // MARK: Members; one whose value is `nil` is left out.

  mutating func member(_ name: String, _ text: String?) {
    guard let text else { return }
    key(name)
    string(text)
  }

  mutating func member(_ name: String, _ number: Int64?) {
    guard let number else { return }
    key(name)
    integer(number)
  }

  mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }

  mutating func object(_ name: String, _ members: (inout JSONWriter) -> Void) {
    key(name)
    object(members)
  }

  mutating func array(_ name: String, _ elements: (inout JSONWriter) -> Void) {
    key(name)
    array(elements)
  }

  // MARK: Bytes

  private mutating func separate() {
    if needsComma { bytes.append(0x2C) }
    needsComma = true
  }

  private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
    separate()
    bytes.append(open)
    needsComma = false
    body(&self)
    bytes.append(close)
    needsComma = true
  }

  /// Copies runs that need no escape as a whole.
  private mutating func quoted(_ text: UnsafeBufferPointer<UInt8>) {
    separate()
    bytes.append(0x22)
    var start = 0
    for index in 0..<text.count {
      let byte = text[index]
      guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
      bytes.append(contentsOf: text[start..<index])
      escape(byte)
      start = index + 1
    }
    bytes.append(contentsOf: text[start...])
    bytes.append(0x22)
  }

  private mutating func escape(_ byte: UInt8) {
    bytes.append(0x5C)
    switch byte {
    case 0x22, 0x5C: bytes.append(byte)
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    default:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    }
  }
}
