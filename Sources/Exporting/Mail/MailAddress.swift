import History
import Model
import Sodium

/// Names that mail programs take, made of a platform's ids, which may hold anything.
struct MailAddress {
  /// Longer ids are hashed: a line may have 998 octets (RFC 5322 §2.1.1).
  private static let idBytesMax = 200
  let host: String

  /// Below `.invalid`, a name nobody can ever own (RFC 2606): chat has no mail addresses of its own.
  init(tenant: String) { host = Self.hostLabel(tenant) + ".chat.invalid" }

  /// `"Name" <address>` as words of an address header.
  func mailbox(_ profile: SubjectProfile) -> [String] {
    let address = "<\(self.address(profile))>"
    guard let name = profile.displayName, !name.isEmpty else { return [address] }
    let isPlain = name.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
    if isPlain, name.utf8.count < 60, !name.contains("=?") { return ["\"\(name)\"", address] }
    return MailText.encodedWords(CleanText.line(name)) + [address]
  }

  func address(_ profile: SubjectProfile) -> String {
    if let email = profile.email, Self.isAddress(email) { return email }
    return Self.atoms(profile.id) + "@" + host
  }

  /// `message.conversation@host`, the same wherever the message is named.
  func messageID(_ message: String, conversation: String, version: Int = 0) -> String {
    let suffix = version == 0 ? "" : ".v\(version)"
    return "<\(Self.atoms(message))\(suffix).\(Self.atoms(conversation))@\(host)>"
  }

  /// A platform's id as one atom (RFC 5322 §3.2.3): letters, digits, `-` and `_` stay, the rest becomes `=hex`.
  static func atoms(_ id: String) -> String {
    guard !id.isEmpty, id.utf8.count <= idBytesMax else {
      return "sha256=" + SHA256.hash(Array(id.utf8)).hex
    }
    var atom = ""
    for byte in id.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        atom.unicodeScalars.append(Unicode.Scalar(byte))
      default: atom += "=" + [byte].hex
      }
    }
    return atom
  }

  /// An address that needs no quoting; stricter than the standard.
  static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, text.utf8.count <= 254 else { return false }
    let isDotted = { (part: Substring, extra: String) in
      part.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
        !atom.isEmpty
          && atom.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
              UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
              true
            default: extra.utf8.contains(byte)
            }
          }
      }
    }
    return isDotted(parts[0], "!#$%&'*+/=?^_`{|}~") && isDotted(parts[1], "")
  }

  private static func hostLabel(_ tenant: String) -> String {
    let label = tenant.lowercased().unicodeScalars.map { scalar -> Character in
      (scalar >= "a" && scalar <= "z") || (scalar >= "0" && scalar <= "9") ? Character(scalar) : "-"
    }
    let trimmed = String(label).split(separator: "-").joined(separator: "-").prefix(60)
    return trimmed.isEmpty ? "tenant" : String(trimmed)
  }
}

extension Timestamp {
  private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private var mailParts: (weekday: String, day: Substring, month: String, year: Substring, time: Substring) {
    let text = rfc3339
    let day = DaySlice.day(of: self)
    let weekday = Self.weekdays[Int(((day % 7) + 7) % 7)]
    let month = Int(text.dropFirst(5).prefix(2)) ?? 1
    return (
      weekday, text.dropFirst(8).prefix(2), Self.months[month - 1], text.prefix(4),
      text.dropFirst(11).prefix(8)
    )
  }

  /// RFC 5322 §3.3, in UTC.
  var mailDate: String {
    let parts = mailParts
    return "\(parts.weekday), \(parts.day) \(parts.month) \(parts.year) \(parts.time) +0000"
  }

  /// As asctime(3) writes it in UTC: what separates messages of a mailbox.
  var asctime: String {
    let parts = mailParts
    let day = parts.day.hasPrefix("0") ? " " + parts.day.dropFirst() : String(parts.day)
    return "\(parts.weekday) \(parts.month) \(day) \(parts.time) \(parts.year)"
  }
}
