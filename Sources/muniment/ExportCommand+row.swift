import Catalog
import Exporting
import Model
import Sodium

extension ExportCommand {
  struct Row: Encodable {
    let id: String
    let state: String
    let formats: [String]
    let path: String?
    let messages: Int
    let sealed: Int
    let unreadable: Int
    /// Of a package that is made: whether all that was selected is inside.
    let complete: Bool?
    let gaps: Int
    let restricted: Int
    let manifest: String?
    let createdAt: String
    let bytes: Int64
    let expiresAt: String?
    let removed: String?
    let removedAt: String?
    let interrupted: Bool?
    let expected: Int64?
    let secondsLeft: Int64?
    let failure: String?

    init(_ record: ExportRecord) {
      id = record.id
      state = record.state.rawValue
      formats = record.formats
      path = record.path
      messages = record.progress.map { Int($0.messages) } ?? record.counts.messages
      sealed = record.counts.sealed
      unreadable = record.counts.unreadable
      complete = record.state == .completed ? record.isComplete : nil
      (gaps, restricted) = (record.counts.gaps, record.counts.restricted)
      manifest = record.manifestHash?.hex
      createdAt = record.createdAt.rfc3339
      bytes = record.contentBytes
      expiresAt = record.hasContent ? record.expiresAt?.rfc3339 : nil
      removed = record.removal?.reason.rawValue
      removedAt = record.removal?.at.rfc3339
      interrupted = record.progress == nil ? nil : record.isInterrupted
      expected = record.progress?.expected
      failure = record.failure
      secondsLeft = record.isInterrupted ? nil : record.progress?.secondsLeft
    }

    enum CodingKeys: String, CodingKey {
      case id, state, formats, path, messages, sealed, unreadable, manifest, bytes, removed, interrupted,
        expected, complete, gaps, restricted, failure
      case createdAt = "created_at"
      case expiresAt = "expires_at"
      case removedAt = "removed_at"
      case secondsLeft = "seconds_left"
    }

    var text: String {
      let head = "\(id)  \(interrupted == true ? "interrupted" : state)  \(formats.joined(separator: ","))"
      if let expected {
        let left = secondsLeft.map { ", about \($0) s left" } ?? ""
        return "\(head)  \(messages) of \(expected) messages\(left)"
      }
      let place = removed.map { "(\($0))" } ?? path ?? "(deleted)"
      let line = "\(head)  \(messages) messages  \(place)\(expiresAt.map { "  until \($0)" } ?? "")"
      guard complete == false else { return line }
      return line
        + "\nnot whole: \(gaps) gaps, \(unreadable) unreadable messages; its warnings.txt says what is missing"
    }
  }
}
