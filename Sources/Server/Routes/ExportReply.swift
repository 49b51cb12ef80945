import Catalog
import Exporting
import Model
import Sodium

/// An export as the API shows it.
struct ExportReply: Encodable {
  struct Progress: Encodable {
    let messages: Int64
    let expected: Int64
    let secondsLeft: Int64?
    /// Its run died; `muniment export resume` goes on with it.
    let interrupted: Bool

    enum CodingKeys: String, CodingKey {
      case messages, expected, interrupted
      case secondsLeft = "seconds_left"
    }
  }

  let id: String
  let state: String
  let formats: [String]
  let complete: Bool
  let createdBy: String?
  let createdAt: String
  let finishedAt: String?
  let manifestSHA256: String?
  let auditIndex: Int64?
  let counts: [String: Int]
  let bytes: Int64
  let expiresAt: String?
  let removed: String?
  let removedAt: String?
  let progress: Progress?
  /// Why a failed one did: a code.
  let failure: String?
  /// Of each part, where the package is cut.
  let partBytes: Int64?

  init(_ record: ExportRecord) {
    id = record.id
    // Whoever asks until it is done wants to fetch it then.
    state = (record.isPacking ? ExportRow.State.running : record.state).rawValue
    formats = record.formats
    complete = record.isComplete
    createdBy = record.actor
    createdAt = record.createdAt.rfc3339
    finishedAt = record.finishedAt?.rfc3339
    manifestSHA256 = record.manifestHash?.hex
    auditIndex = record.auditIndex
    let counts = record.counts
    var numbers = [
      "conversations": counts.conversations, "messages": counts.messages, "sealed": counts.sealed,
      "restricted": counts.restricted, "people": counts.people, "unreadable": counts.unreadable,
      "gaps": counts.gaps,
    ]
    numbers["undecided"] = counts.undecided
    self.counts = numbers
    bytes = record.contentBytes
    expiresAt = record.hasContent ? record.expiresAt?.rfc3339 : nil
    removed = record.removal?.reason.rawValue
    removedAt = record.removal?.at.rfc3339
    failure = record.failure
    partBytes = record.partBytes
    progress = record.progress.map {
      Progress(
        messages: $0.messages, expected: $0.expected,
        secondsLeft: record.isInterrupted ? nil : $0.secondsLeft, interrupted: record.isInterrupted)
    }
  }

  enum CodingKeys: String, CodingKey {
    case id, state, formats, complete, counts, bytes, removed, progress, failure
    case partBytes = "part_bytes"
    case createdBy = "created_by"
    case createdAt = "created_at"
    case finishedAt = "finished_at"
    case manifestSHA256 = "manifest_sha256"
    case auditIndex = "audit_index"
    case expiresAt = "expires_at"
    case removedAt = "removed_at"
  }
}
