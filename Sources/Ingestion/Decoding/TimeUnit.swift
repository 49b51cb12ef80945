internal import Model
internal import SimdJSON

/// What a whole number means as a time. Text is RFC 3339 in every case.
enum TimeUnit: String, Sendable {
  case seconds, milliseconds, microseconds

  private static let lowest = Timestamp.earliest.microseconds
  private static let highest = Timestamp.latest.microseconds + 86_399_999_999

  /// `nil` for what is no time, or lies outside of the years 1 to 9999.
  func time(_ value: JSONValue) -> Timestamp? {
    if let number = value.int { return time(number) }
    guard let text = value.string, text.utf8.count > "YYYY-MM-DD".utf8.count else { return nil }
    return Timestamp(rfc3339: text).flatMap(Self.bounded)
  }

  private func time(_ number: Int64) -> Timestamp? {
    let factor: Int64 =
      switch self {
      case .seconds: 1_000_000
      case .milliseconds: 1_000
      case .microseconds: 1
      }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : Self.bounded(Timestamp(microseconds: product))
  }

  private static func bounded(_ time: Timestamp) -> Timestamp? {
    (lowest...highest).contains(time.microseconds) ? time : nil
  }
}
