/// A point in time: microseconds since 1970-01-01T00:00:00Z, the precision of PostgreSQL's `timestamptz`.
package struct Timestamp: Hashable, Sendable, Comparable {
  package let microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }
  package init(milliseconds: Int64) { self.microseconds = milliseconds * 1_000 }
  package init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

  package static let earliest = Timestamp(civil: 1, 1, 1)
  package static let latest = Timestamp(civil: 9999, 12, 31)

  package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

  package func adding(seconds: Int64) -> Timestamp {
    Timestamp(microseconds: microseconds + seconds * 1_000_000)
  }

  /// The same time of day in UTC so many calendar months later; on the month's last day where it has no such day.
  package func adding(months: Int) -> Timestamp {
    let day = civil
    let midnight = Timestamp(civil: day.year, day.month, day.day)
    let month = Period(rawValue: Period(containing: self).rawValue + Int32(months))
    let last = month.end.adding(seconds: -86_400).civil.day
    let target = month.start.adding(seconds: Int64(min(day.day, last) - 1) * 86_400)
    return Timestamp(microseconds: target.microseconds + microseconds - midnight.microseconds)
  }

  /// Midnight UTC of a date of the proleptic Gregorian calendar.
  package init(civil year: Int, _ month: Int, _ day: Int) {
    self.init(seconds: Int64(Self.days(year, month, day)) * 86_400)
  }

  /// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// Year, month and day of this time in UTC; the inverse of ``days(_:_:_:)``.
  package var civil: (year: Int, month: Int, day: Int) {
    let shifted = Int(microseconds.flooredQuotient(86_400_000_000)) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
      dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }
}

extension Int64 {
  /// Quotient rounded towards minus infinity.
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
