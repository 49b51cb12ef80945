extension Timestamp: CustomStringConvertible {
  /// RFC 3339 in UTC with as many fractional digits as needed: none, three or six.
  package var description: String { rfc3339 }

  package var rfc3339: String {
    let day = civil
    let inDay = microseconds - microseconds.flooredQuotient(86_400_000_000) * 86_400_000_000
    let seconds = Int(inDay / 1_000_000)
    let fraction = Int(inDay % 1_000_000)
    var text = pad(day.year, 4) + "-" + pad(day.month, 2) + "-" + pad(day.day, 2) + "T"
    text += pad(seconds / 3_600, 2) + ":" + pad(seconds / 60 % 60, 2) + ":" + pad(seconds % 60, 2)
    if fraction != 0 {
      text += "." + (fraction % 1_000 == 0 ? pad(fraction / 1_000, 3) : pad(fraction, 6))
    }
    return text + "Z"
  }

  private func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// Reads an RFC 3339 date-time with offset, or a bare `YYYY-MM-DD` as midnight UTC. Digits past the
  /// microsecond are dropped. `nil` if the text is anything else or the date does not exist.
  package init?(rfc3339 text: String) {
    var scanner = DigitScanner(bytes: Array(text.utf8))
    guard let year = scanner.number(4), scanner.skip(0x2D), let month = scanner.number(2), scanner.skip(0x2D),
      let day = scanner.number(2), (1...12).contains(month), day >= 1,
      day <= Self.length(ofMonth: month, year: year), year >= 1
    else { return nil }
    let midnight = Timestamp(civil: year, month, day)
    if scanner.atEnd {
      self = midnight
      return
    }
    guard scanner.skip(0x54) || scanner.skip(0x74) || scanner.skip(0x20), let hour = scanner.number(2),
      scanner.skip(0x3A), let minute = scanner.number(2), scanner.skip(0x3A),
      let second = scanner.number(2), hour < 24, minute < 60, second <= 60,
      let fraction = scanner.fraction(), let offset = scanner.offset(), scanner.atEnd
    else { return nil }
    let seconds = Int64(hour * 3_600 + minute * 60 + min(second, 59)) - Int64(offset)
    self.init(microseconds: midnight.microseconds + seconds * 1_000_000 + fraction)
  }

  private static func length(ofMonth month: Int, year: Int) -> Int {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }
}

private struct DigitScanner {
  let bytes: [UInt8]
  var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var atEnd: Bool { index == bytes.count }

  mutating func skip(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  mutating func digit() -> Int? {
    guard index < bytes.count, (0x30...0x39).contains(bytes[index]) else { return nil }
    index += 1
    return Int(bytes[index - 1] - 0x30)
  }

  mutating func number(_ width: Int) -> Int? {
    var value = 0
    for _ in 0..<width {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// Microseconds of an optional fraction; `nil` for a point without digits.
  mutating func fraction() -> Int64? {
    guard skip(0x2E) else { return 0 }
    var value: Int64 = 0
    var digits = 0
    while let digit = digit() {
      if digits < 6 { value = value * 10 + Int64(digit) }
      digits += 1
    }
    guard digits > 0 else { return nil }
    for _ in min(digits, 6)..<6 { value *= 10 }
    return value
  }

  /// Seconds east of UTC.
  mutating func offset() -> Int? {
    if skip(0x5A) || skip(0x7A) { return 0 }
    let negative = skip(0x2D)
    guard negative || skip(0x2B), let hours = number(2), skip(0x3A), let minutes = number(2), hours < 24,
      minutes < 60
    else { return nil }
    return (hours * 3_600 + minutes * 60) * (negative ? -1 : 1)
  }
}
