/// A time in a query: a year, a month, a day (UTC), or an instant of RFC 3339.
public struct QueryTime: Hashable, Sendable {
  /// As written.
  public let text: String
  /// Its first microsecond since 1970-01-01T00:00:00Z.
  public let from: Int64
  /// The first microsecond after it: `before:` compares with ``from``, `after:` with this, `on:` with both.
  public let until: Int64

  private static let second: Int64 = 1_000_000
  private static let day: Int64 = 86_400 * second

  /// `2024`, `2024-05`, `2024-05-31`, `2024-05-31T12:00:00Z`, `2024-05-31T12:00:00.5+09:00`; `nil` for
  /// others.
  public init?(_ text: String) {
    var reader = DigitReader(text)
    guard let year = reader.number(4) else { return nil }
    self.text = text
    guard reader.skip("-") else {
      guard reader.isAtEnd else { return nil }
      (from, until) = (Self.start(year, 1, 1), Self.start(year + 1, 1, 1))
      return
    }
    guard let month = reader.number(2), (1...12).contains(month) else { return nil }
    guard reader.skip("-") else {
      guard reader.isAtEnd else { return nil }
      (from, until) = (Self.start(year, month, 1), Self.start(year, month + 1, 1))
      return
    }
    let midnight = Self.start(year, month, 1)
    let daysInMonth = (Self.start(year, month + 1, 1) - midnight) / Self.day
    guard let day = reader.number(2), (1...daysInMonth).contains(day) else { return nil }
    let start = midnight + (day - 1) * Self.day
    if reader.isAtEnd {
      (from, until) = (start, start + Self.day)
      return
    }
    guard reader.skip("T") || reader.skip("t"), let time = Self.timeOfDay(&reader), reader.isAtEnd else {
      return nil
    }
    (from, until) = (start + time, start + time + 1)
  }

  /// Microseconds since midnight UTC, the offset taken off.
  private static func timeOfDay(_ reader: inout DigitReader) -> Int64? {
    guard let hour = reader.number(2), hour < 24, reader.skip(":"), let minute = reader.number(2),
      minute < 60,
      reader.skip(":"), let second = reader.number(2), second < 61
    else { return nil }
    var time = ((hour * 60 + minute) * 60 + second) * Self.second
    if reader.skip(".") {
      guard let fraction = reader.fraction() else { return nil }
      time += fraction
    }
    if reader.skip("Z") || reader.skip("z") { return time }
    let isEast = reader.skip("+")
    guard isEast || reader.skip("-"), let hours = reader.number(2), hours < 24, reader.skip(":"),
      let minutes = reader.number(2), minutes < 60
    else { return nil }
    return time + (isEast ? -1 : 1) * (hours * 60 + minutes) * 60 * Self.second
  }

  /// Midnight of a day of the proleptic Gregorian calendar; month 13 is January of the next year.
  private static func start(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // Days from civil, with the year starting in March so that the leap day is the last one.
    let shifted = year * 12 + (month - 1) - 2
    let (years, months) = (shifted / 12, shifted % 12)
    let leaps = years / 4 - years / 100 + years / 400
    return (years * 365 + leaps + (153 * months + 2) / 5 + day - 1 - 719_468) * Self.day
  }
}

/// Reads digits and marks from the front of a text.
private struct DigitReader {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func skip(_ mark: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: mark) else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(_ digits: Int) -> Int64? {
    let taken = rest.prefix(digits)
    guard taken.count == digits, taken.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest.removeFirst(digits)
    return taken.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  /// Microseconds of the digits behind a point; digits past the sixth are dropped.
  mutating func fraction() -> Int64? {
    var (value, scale): (Int64, Int64) = (0, 1_000_000)
    var count = 0
    while let digit = number(1) {
      count += 1
      scale /= 10
      value += digit * scale
    }
    return count == 0 ? nil : value
  }
}
