package import Model

/// What keeps the archive's jobs in bounds.
package struct ArchivingLimits: Sendable {
  /// Minutes after midnight UTC at which jobs stop; `nil`: never.
  package var untilMinute: Int?
  package var bytesPerSecond: Int64?
  /// `nil`: the nightly job checks nothing.
  package var scrubDays: Int?
  package var compactsNightly = true

  /// The next moment of a time of day in UTC.
  package static func next(minute: Int, after now: Timestamp) -> Timestamp {
    let day = Timestamp(seconds: now.microseconds / 86_400_000_000 * 86_400)
    let today = day.adding(seconds: Int64(minute) * 60)
    return today > now ? today : today.adding(seconds: 86_400)
  }
}

extension SettingReader {
  func archiving() throws -> ArchivingLimits {
    let rate = try number("archive.bytes_per_second", in: 0...100_000_000_000)
    let days = try number("archive.scrub_days", in: 0...3_650)
    guard let compact = values["archive.compact"], ["nightly", "off"].contains(compact) else {
      throw refusal("archive.compact")
    }
    return ArchivingLimits(
      untilMinute: try timeOfDay("archive.until"), bytesPerSecond: rate > 0 ? rate : nil,
      scrubDays: days > 0 ? Int(days) : nil, compactsNightly: compact == "nightly")
  }
}
