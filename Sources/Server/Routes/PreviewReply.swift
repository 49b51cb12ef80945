import Foundation
import Model
package import Retention

/// What policies, a label or an event would do, as HTTP and the command line show it.
package struct PreviewReply: Encodable {
  package struct Counts: Encodable {
    package let due: Int
    package let earlier: Int
    package let later: Int
    package let held: Int
    package let bytes: Int64

    init(_ counts: RetentionPreview.Counts) {
      (due, earlier, later, held) = (counts.due, counts.earlier, counts.later, counts.held)
      bytes = counts.bytes
    }

    package var text: String {
      "due \(due) (\(bytes) bytes), deleted earlier \(earlier), kept longer \(later), held \(held)"
    }
  }

  package struct Row: Encodable {
    package let conversation: String?
    package let month: String
    package let counts: Counts
    package let oldest: String
    package let goesAt: String?
    package let samples: [String]

    enum CodingKeys: String, CodingKey {
      case month, counts, oldest, samples
      case conversation = "conversation_id"
      case goesAt = "goes_at"
    }
  }

  package let madeAt: String
  package let policySet: Int32
  package let totals: Counts
  package let goesAt: String?
  package let examined: Int
  package let truncated: Bool
  package let tightenings: [String]
  package let rows: [Row]

  enum CodingKeys: String, CodingKey {
    case totals, examined, truncated, tightenings, rows
    case madeAt = "made_at"
    case policySet = "policy_set"
    case goesAt = "goes_at"
  }

  package init(_ preview: RetentionPreview) {
    madeAt = preview.madeAt.rfc3339
    policySet = preview.policySet
    totals = Counts(preview.totals)
    goesAt = preview.goesAt?.rfc3339
    examined = preview.examined
    truncated = preview.truncated
    tightenings = preview.tightenings.map(\.description)
    rows = preview.rows.map {
      Row(
        conversation: $0.conversation, month: $0.period.description, counts: Counts($0.counts),
        oldest: $0.oldest.rfc3339, goesAt: $0.goesAt?.rfc3339, samples: $0.samples)
    }
  }

  /// Rows that people get to see; scripts get all.
  private static let shownRowsMax = 50

  package var text: String {
    var lines = rows.prefix(Self.shownRowsMax).map { row in
      "\(row.month)  \(row.conversation ?? "(erased)")  \(row.counts.text)"
        + (row.samples.isEmpty ? "" : "  such as \(row.samples.joined(separator: " "))")
    }
    let hidden = rows.count - Self.shownRowsMax
    if hidden > 0 { lines.append("… and \(truncated ? "more than " : "")\(hidden) rows more") }
    lines.append(
      "examined \(examined): \(totals.text)" + (goesAt.map { "; the first would go at \($0)" } ?? ""))
    return lines.joined(separator: "\n")
  }
}

/// What a label or an event would do, if it were stated.
package struct StatementPreviewReply: Encodable {
  package let dryRun = true
  package let settlesAt: String
  package let preview: PreviewReply

  enum CodingKeys: String, CodingKey {
    case preview
    case dryRun = "dry_run"
    case settlesAt = "settles_at"
  }

  package init(_ found: StatementPreview) {
    settlesAt = found.settlesAt.rfc3339
    preview = PreviewReply(found.preview)
  }

  package var text: String {
    preview.text + "\nnothing was stored; what it deletes would go after \(settlesAt) at the earliest"
  }
}
