/// The part of JSON that entries use, written in the one form RFC 8785 allows: no white space, members sorted by
/// UTF-16 code units, shortest escapes. Integers stay below 2^53, where RFC 8785 and plain digits agree.
package indirect enum CanonicalJSON: Hashable, Sendable {
  case null
  case integer(Int64)
  case string(String)
  case object([String: CanonicalJSON])

  package var bytes: [UInt8] {
    var text: [UInt8] = []
    write(to: &text)
    return text
  }

  package subscript(name: String) -> CanonicalJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  package var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  package var integer: Int64? {
    guard case .integer(let number) = self else { return nil }
    return number
  }

  private func write(to text: inout [UInt8]) {
    switch self {
    case .null: text += "null".utf8
    case .integer(let number): text += String(number).utf8
    case .string(let string): Self.write(string, to: &text)
    case .object(let members):
      text.append(UInt8(ascii: "{"))
      for (number, member) in members.sorted(by: { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) })
        .enumerated()
      {
        if number > 0 { text.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &text)
        text.append(UInt8(ascii: ":"))
        member.value.write(to: &text)
      }
      text.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ string: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
      case 0x08: text += "\\b".utf8
      case 0x09: text += "\\t".utf8
      case 0x0A: text += "\\n".utf8
      case 0x0C: text += "\\f".utf8
      case 0x0D: text += "\\r".utf8
      case 0..<0x20: text += "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8
      default: text.append(byte)
      }
    }
    text.append(UInt8(ascii: "\""))
  }
}
