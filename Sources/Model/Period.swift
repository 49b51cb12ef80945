/// A calendar month in UTC: what a period key, a hot partition and a segment cover.
package struct Period: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Months since year 0: `year * 12 + month - 1`.
  package let rawValue: Int32

  package init(rawValue: Int32) { self.rawValue = rawValue }

  package init(containing time: Timestamp) {
    let day = time.civil
    self.rawValue = Int32(day.year * 12 + day.month - 1)
  }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  package var start: Timestamp { Timestamp(civil: Int(rawValue) / 12, Int(rawValue) % 12 + 1, 1) }
  package var end: Timestamp { Period(rawValue: rawValue + 1).start }

  /// `2015-08`.
  package var description: String { String(start.rfc3339.prefix(7)) }

  /// `2015_08`, as the names of partitions have it.
  package var identifier: String { description.split(separator: "-").joined(separator: "_") }
}
