internal import Model
internal import Sodium
internal import SimdJSON

/// Reads the keys of one JSON object as the contract wants them, or says which key is wrong.
///
/// Looks a key up under the name and with the conversions of a mapping where there is one.
struct EventFields {
  static let idLimit = 128

  let object: JSONValue
  let mapping: EventMapping?
  /// Asked before every look-up: cheaper than lending the mapping itself.
  private let isMapped: Bool
  /// Stands before the keys of a nested object in what is reported: `body.`.
  var prefix = ""

  init(_ object: JSONValue, mapping: EventMapping? = nil, prefix: String = "") {
    self.object = object
    self.mapping = mapping
    isMapped = mapping != nil
    self.prefix = prefix
  }

  func rejected(_ code: RejectedInput.Code, _ key: String, _ detail: String) -> RejectedInput {
    RejectedInput(code, key: prefix + key, detail: detail)
  }

  func missing(_ key: String) -> RejectedInput { rejected(.missingKey, key, "required") }

  /// The value of a key; one that is `null` counts as absent.
  func value(_ key: String) -> JSONValue? {
    if isMapped, let mapping { return mapping.value(key, in: object) }
    guard let found = object[key], !found.isNull else { return nil }
    return found
  }

  // MARK: Text

  func optionalText(_ key: String) throws(RejectedInput) -> String? {
    if isMapped, let mapping, let text = mapping.text(key, in: object) { return text }
    guard let value = value(key) else { return nil }
    guard let text = value.string else { throw rejected(.badValue, key, "must be a string") }
    return text
  }

  func text(_ key: String) throws(RejectedInput) -> String {
    guard let text = try optionalText(key) else { throw missing(key) }
    return text
  }

  /// An opaque id: 1 to 128 bytes without control characters.
  func optionalID(_ key: String) throws(RejectedInput) -> String? {
    guard let text = try optionalText(key) else { return nil }
    guard Self.isID(text) else { throw rejected(.badValue, key, Self.idRule) }
    return text
  }

  func id(_ key: String) throws(RejectedInput) -> String {
    guard let id = try optionalID(key) else { throw missing(key) }
    return id
  }

  static let idRule = "must be 1 to \(idLimit) bytes without control characters"

  static func isID(_ text: String) -> Bool {
    (1...idLimit).contains(text.utf8.count) && !text.utf8.holdsControlCharacter
  }

  /// One of a closed set of words.
  func optionalWord<Word: RawRepresentable<String>>(_ key: String, _: Word.Type) throws(RejectedInput)
    -> Word?
  {
    guard let text = try optionalText(key) else { return nil }
    guard let word = Word(rawValue: text) else {
      throw rejected(.badValue, key, "is none of the allowed words")
    }
    return word
  }

  func word<Word: RawRepresentable<String>>(_ key: String, _ type: Word.Type) throws(RejectedInput) -> Word {
    guard let word = try optionalWord(key, type) else { throw missing(key) }
    return word
  }

  // MARK: Numbers and times

  func optionalInteger(_ key: String, in range: ClosedRange<Int64>) throws(RejectedInput) -> Int64? {
    guard let value = value(key) else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw rejected(.badValue, key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func optionalBool(_ key: String) throws(RejectedInput) -> Bool? {
    guard let value = value(key) else { return nil }
    guard let bool = value.bool else { throw rejected(.badValue, key, "must be true or false") }
    return bool
  }

  /// RFC 3339 with an offset, or whole milliseconds since 1970, from year 1 to the end of year 9999.
  func optionalTime(_ key: String) throws(RejectedInput) -> Timestamp? {
    guard let value = value(key) else { return nil }
    let unit = isMapped ? mapping?.unit(of: key) ?? .milliseconds : .milliseconds
    guard let time = unit.time(value) else {
      throw rejected(.badValue, key, "must be RFC 3339 with an offset, or \(unit.rawValue) since 1970")
    }
    return time
  }

  func time(_ key: String) throws(RejectedInput) -> Timestamp {
    guard let time = try optionalTime(key) else { throw missing(key) }
    return time
  }

  // MARK: Bytes, lists, objects

  func optionalBase64(_ key: String) throws(RejectedInput) -> [UInt8]? {
    guard let text = try optionalText(key) else { return nil }
    guard let bytes = [UInt8](base64: text) else { throw rejected(.badValue, key, "must be padded base64") }
    return bytes
  }

  /// An array, `nil` where there is none.
  func optionalList(_ key: String) throws(RejectedInput) -> JSONValue? {
    guard let value = value(key) else { return nil }
    guard value.kind == .array else { throw rejected(.badValue, key, "must be an array") }
    return value
  }

  func optionalObject(_ key: String) throws(RejectedInput) -> EventFields? {
    guard let value = value(key) else { return nil }
    guard value.kind == .object else { throw rejected(.badValue, key, "must be an object") }
    return EventFields(value, prefix: prefix + key + ".")
  }
}

extension Sequence<UInt8> {
  /// Whether this UTF-8 has a character of Unicode's class Cc: U+0000–001F and U+007F–009F.
  var holdsControlCharacter: Bool {
    var previous: UInt8 = 0
    for byte in self {
      // U+0080–009F are C2 80 … C2 9F; no other character has C2 before such a byte.
      if byte < 0x20 || byte == 0x7F || (previous == 0xC2 && byte < 0xA0) { return true }
      previous = byte
    }
    return false
  }
}
