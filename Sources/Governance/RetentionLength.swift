/// A length of time as policies write it: a whole number and `s`, `min`, `h`, `d`, `w` or `y`.
///
/// A year is 365 days, as in S3's Object Lock and in Purview; whoever owes leap days states days. There are
/// no months, whose length nobody agrees on, and `m` is refused because it would be read as either.
package struct RetentionLength: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// At most a thousand years, so that sums with any date stay in range.
  package static let limit: Int64 = 1_000 * 365 * 86_400

  package let seconds: Int64

  private static let units: [(name: String, seconds: Int64)] = [
    ("y", 365 * 86_400), ("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1),
  ]

  /// `nil` for anything that is not such a length, or exceeds ``limit``.
  package init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text.dropFirst(digits.count)
    guard let unit = Self.units.first(where: { $0.name == name }), let count = Int64(digits) else {
      return nil
    }
    let (seconds, overflow) = count.multipliedReportingOverflow(by: unit.seconds)
    guard !overflow else { return nil }
    self.init(seconds: seconds)
  }

  package init?(seconds: Int64) {
    guard (0...Self.limit).contains(seconds) else { return nil }
    self.seconds = seconds
  }

  package static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

  /// The shortest exact form: `10y`, `30d`, `36h`.
  package var description: String {
    guard seconds > 0, let unit = Self.units.first(where: { $0.name != "w" && seconds % $0.seconds == 0 })
    else {
      return "0s"
    }
    return "\(seconds / unit.seconds)\(unit.name)"
  }
}
