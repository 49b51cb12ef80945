import Catalog
import FoundationEssentials
import Model

/// A preview as the database keeps it: with numbers for conversations and messages. It has ``RetentionPreview/rowsMax``
/// rows at most, some three megabytes.
struct PreviewRecord: Codable, Hashable, Sendable {
  static let newestFormat = 1

  struct Row: Codable, Hashable, Sendable {
    let conversation: Int64
    let period: Int32
    let counts: RetentionPreview.Counts
    /// Microseconds, as all times here.
    let oldest: Int64
    let goesAt: Int64?
    /// Keys of messages, each in two halves.
    let samples: [[Int64]]
  }

  let format: Int
  let madeAt: Int64
  let policySet: Int32
  let totals: RetentionPreview.Counts
  let goesAt: Int64?
  let examined: Int
  let truncated: Bool
  let tightenings: [Tightening]
  /// Most due first.
  let rows: [Row]

  /// - Parameter averages: bytes of an archived message, by month.
  init(
    _ tally: PreviewTally, averages: [Period: Int64], policySet: Int32, tightenings: [Tightening],
    madeAt: Timestamp
  ) {
    format = Self.newestFormat
    self.madeAt = madeAt.microseconds
    self.policySet = policySet
    var totals = tally.totals
    for (period, count) in tally.archived { totals.bytes += Int64(count) * (averages[period] ?? 0) }
    self.totals = totals
    goesAt = tally.goesAt?.microseconds
    examined = tally.examined
    truncated = tally.truncated
    self.tightenings = tightenings
    let ordered = tally.entries.sorted {
      ($0.value.counts.due, $1.value.oldest, $1.key.conversation)
        > ($1.value.counts.due, $0.value.oldest, $0.key.conversation)
    }
    rows = ordered.enumerated().map { index, entry in
      Row(
        entry.key, entry.value, average: averages[entry.key.period] ?? 0,
        hasSamples: index < RetentionPreview.sampledRowsMax)
    }
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// - Throws: `RetentionError.damagedPolicies`.
  init(json: String) throws(RetentionError) {
    guard let record = try? JSONDecoder().decode(PreviewRecord.self, from: Data(json.utf8)),
      record.format == Self.newestFormat
    else { throw RetentionError(.damagedPolicies, "a stored preview of policies cannot be read") }
    self = record
  }

  var samples: [MessageKey] { rows.flatMap(\.keys) }
}

extension PreviewRecord.Row {
  fileprivate init(
    _ place: PreviewTally.Place, _ entry: PreviewTally.Entry, average: Int64, hasSamples: Bool
  ) {
    conversation = place.conversation.rawValue
    period = place.period.rawValue
    var counts = entry.counts
    counts.bytes += Int64(entry.archived) * average
    self.counts = counts
    oldest = entry.oldest.microseconds
    goesAt = entry.goesAt?.microseconds
    samples = hasSamples ? entry.samples.map { [$0.high, $0.low] } : []
  }

  var keys: [MessageKey] {
    samples.compactMap { $0.count == 2 ? MessageKey(high: $0[0], low: $0[1]) : nil }
  }
}
