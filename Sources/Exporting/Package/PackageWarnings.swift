/// What a package lacks, and why; becomes `warnings.txt`.
final class PackageWarnings {
  enum Warning {
    /// The archive could not be read from here to the conversation's end.
    case gap(conversation: String, after: String, reason: String)
    /// Selected at the start, but not readable.
    case unreadable(messages: Int)
    /// Members whose names are gone.
    case namelessMembers(conversation: String, members: Int)
    /// The conversation's key is destroyed.
    case namelessConversations(Int)
    /// Messages the selection names, in a state that is not taken in.
    case leftOut(state: String, messages: Int)
    case longLine(message: String)
    /// The bytes of files are the platform's, not the archive's.
    case attachment(message: String, id: String)
    case attachments(Int)
    /// The index could not answer for everything the query asked about.
    case queryIncomplete
    /// A hold's query could not be answered for messages that are inside for that.
    case undecided(messages: Int)

    var text: String {
      switch self {
      case .gap(let conversation, let after, let reason):
        "gap: conversation \(conversation): nothing after \(after) could be read: \(reason)"
      case .unreadable(let messages):
        "unreadable: \(messages) selected messages are missing: their authors were erased, so that their keys are "
          + "destroyed, or they were deleted while the export ran"
      case .namelessMembers(let conversation, let members):
        "unnamed: conversation \(conversation): \(members) members are missing: they were erased"
      case .namelessConversations(let count):
        "unnamed: \(count) conversations are missing: their keys are destroyed"
      case .leftOut(let state, let messages): "left out: \(messages) messages are \(state)"
      case .attachment(let message, let id):
        "attachment: message \(message): \(id) is described, its bytes are not inside: they are the platform's"
      case .attachments(let count): "attachments: \(count) in all are described, and not inside"
      case .queryIncomplete:
        "query: messages may be missing that the index does not know yet or cannot know, such as sealed ones without "
          + "tokens; `search` with the same query names them under coverage"
      case .undecided(let messages):
        "hold: \(messages) messages are inside although nothing shows that the hold's query finds them: their words are "
          + "sealed, blinded or cut, or they were edited, or arrived, after the hold was last evaluated"
      case .longLine(let message):
        "long: the line of message \(message) is over \(JSONLinesFormat.lineBytesMax) bytes, more than `ingest` takes"
      }
    }
  }

  /// Lines kept; what is beyond is counted.
  static let linesMax = 10_000
  private var lines: [String] = []
  private var beyond = 0

  /// What was warned of so far, to go on from in another process.
  struct Lines: Codable {
    let lines: [String]
    let beyond: Int
  }

  var saved: Lines {
    get { Lines(lines: lines, beyond: beyond) }
    set { (lines, beyond) = (newValue.lines, newValue.beyond) }
  }

  func add(_ warning: Warning) {
    guard lines.count < Self.linesMax else {
      beyond += 1
      return
    }
    lines.append(
      String(String.UnicodeScalarView(warning.text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 })))
  }

  var text: String {
    guard !lines.isEmpty else { return "Nothing that was selected is missing.\n" }
    let rest = beyond == 0 ? [] : ["and \(beyond) more"]
    return (lines + rest).joined(separator: "\n") + "\n"
  }
}
