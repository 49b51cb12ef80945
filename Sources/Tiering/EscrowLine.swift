import Sodium

/// A line of an escrow file: a JSON object, written as bytes so that no key ever is a string.
struct EscrowLine {
  enum Field {
    case number(String, Int64)
    case text(String, String)
    case key(String, SecretBytes)
  }

  private let fields: [Field]

  init(_ fields: [Field]) { self.fields = fields }

  /// The caller zeroes them.
  var bytes: [UInt8] {
    var line: [UInt8] = []
    // Room for all of it at once: growing would leave copies of keys behind.
    line.reserveCapacity(fields.reduce(8) { $0 + Self.room(for: $1) })
    for (index, field) in fields.enumerated() {
      line.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      switch field {
      case .number(let name, let value): line += Array("\"\(name)\":\(value)".utf8)
      case .text(let name, let value): line += Array("\"\(name)\":\(Self.quoted(value))".utf8)
      case .key(let name, let key):
        line += Array("\"\(name)\":\"".utf8)
        key.withUnsafeBytes { key in
          for byte in key { line += [Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]] }
        }
        line.append(UInt8(ascii: "\""))
      }
    }
    line.append(UInt8(ascii: "}"))
    line.append(UInt8(ascii: "\n"))
    return line
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func room(for field: Field) -> Int {
    switch field {
    case .number(let name, _): name.utf8.count + 28
    case .text(let name, let value): name.utf8.count + 6 * value.utf8.count + 8
    case .key(let name, _): name.utf8.count + 80
    }
  }

  /// A JSON string (RFC 8259 §7).
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case let scalar where scalar.value < 0x20:
        quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
