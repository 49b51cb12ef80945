extension CanonicalJSON {
  /// Reads what ``bytes`` wrote. `nil` for anything that is not in this form to the last byte, however valid it
  /// may be as JSON: an entry has one spelling only.
  package init?(parsing bytes: [UInt8]) {
    var reader = CanonicalReader(bytes: bytes)
    guard let value = reader.value(depth: 0), reader.atEnd, value.bytes == bytes else { return nil }
    self = value
  }
}

private struct CanonicalReader {
  static let depthMax = 8
  let bytes: [UInt8]
  var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var atEnd: Bool { index == bytes.count }
  var next: UInt8? { atEnd ? nil : bytes[index] }

  mutating func skip(_ text: StaticString) -> Bool {
    let expected = Array(text.description.utf8)
    guard bytes[index...].starts(with: expected) else { return false }
    index += expected.count
    return true
  }

  mutating func value(depth: Int) -> CanonicalJSON? {
    guard let next, depth < Self.depthMax else { return nil }
    switch next {
    case UInt8(ascii: "n"): return skip("null") ? .null : nil
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "{"): return object(depth: depth)
    default: return integer().map { .integer($0) }
    }
  }

  mutating func object(depth: Int) -> CanonicalJSON? {
    var members: [String: CanonicalJSON] = [:]
    guard skip("{") else { return nil }
    if skip("}") { return .object([:]) }
    repeat {
      guard let name = string(), skip(":"), let value = value(depth: depth + 1),
        members.updateValue(value, forKey: name) == nil
      else { return nil }
    } while skip(",")
    return skip("}") ? .object(members) : nil
  }

  mutating func integer() -> Int64? {
    let start = index
    while let next, next == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
      index += 1
    }
    return Int64(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  mutating func string() -> String? {
    guard skip("\"") else { return nil }
    var text: [UInt8] = []
    while let next {
      index += 1
      switch next {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let byte = escape() else { return nil }
        text.append(byte)
      default: text.append(next)
      }
    }
    return nil
  }

  /// Of `\u` only the control characters: the writer escapes nothing else that way.
  mutating func escape() -> UInt8? {
    guard let next else { return nil }
    index += 1
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return next
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "u"):
      guard skip("00"), bytes.count - index >= 2 else { return nil }
      index += 2
      return UInt8(String(decoding: bytes[(index - 2)..<index], as: UTF8.self), radix: 16)
    default: return nil
    }
  }
}
