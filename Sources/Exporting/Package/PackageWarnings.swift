/// What a package lacks, and why; becomes `warnings.txt`.
final class PackageWarnings {
  enum Warning {
    /// The archive could not be read from here to the conversation's end.
    case gap(conversation: String, after: String, reason: String)
    /// A stretch of the archive could not be read; of messages that were picked, how many.
    case damaged(conversation: String, first: String, last: String, messages: Int?)
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
    /// More people were in a conversation than a format names one by one.
    case crowd(format: ExportFormat, conversation: String, limit: Int)
    /// What a format has no room for, and which one has.
    case lacking(format: ExportFormat, what: String)
    /// A hold's query could not be answered for messages that are inside for that.
    case undecided(messages: Int)

    /// Limits of lines go by kind, so that what is only of note leaves room for what is missing.
    enum Kind: String, Codable, CodingKeyRepresentable {
      case gap, unreadable, unnamed, long, attachment, query, hold, members, format
      case leftOut = "left out"

      var linesMax: Int {
        switch self {
        case .gap: 10_000
        case .attachment: 1_001
        case .unnamed, .long, .members: 1_000
        // One a state, a package or a format.
        case .unreadable, .query, .hold, .leftOut, .format: 100
        }
      }
    }

    var kind: Kind {
      switch self {
      case .gap, .damaged: .gap
      case .unreadable: .unreadable
      case .namelessMembers, .namelessConversations: .unnamed
      case .leftOut: .leftOut
      case .longLine: .long
      case .attachment, .attachments: .attachment
      case .queryIncomplete: .query
      case .undecided: .hold
      case .crowd: .members
      case .lacking: .format
      }
    }

    var text: String {
      switch self {
      case .gap(let conversation, let after, let reason):
        "gap: conversation \(conversation): nothing after \(after) could be read: \(reason)"
      case .damaged(let conversation, let first, let last, let messages):
        "gap: conversation \(conversation): \(messages.map { "\($0) " } ?? "")messages from \(first) to \(last) "
          + "could not be read: what is stored of them is damaged; what came before and after is inside"
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
          + "tokens, or that surround a hit and could not be read; `search` with the same query names the former under "
          + "coverage"
      case .undecided(let messages):
        "hold: \(messages) messages are inside although nothing shows that the hold's query finds them: their words are "
          + "sealed, blinded or cut, or they were edited, or arrived, after the hold was last evaluated"
      case .longLine(let message):
        "long: the line of message \(message) is over \(JSONLinesFormat.lineBytesMax) bytes, more than `ingest` takes"
      case .crowd(let format, let conversation, let limit):
        "members: conversation \(conversation): \(format.rawValue) does not name everybody who was in it, as at times "
          + "they were more than \(limit); jsonl and csv do"
      case .lacking(let format, let what): "format: \(format.rawValue) has no \(what)"
      }
    }
  }

  /// In the order in which they came; what is beyond the limit of its kind is counted.
  private var lines: [String] = []
  private var kept: [Warning.Kind: Int] = [:]
  private var beyond: [Warning.Kind: Int] = [:]

  /// What was warned of so far, to go on from in another process.
  struct Lines: Codable {
    let lines: [String]
    let kept: [Warning.Kind: Int]
    let beyond: [Warning.Kind: Int]
  }

  var saved: Lines {
    get { Lines(lines: lines, kept: kept, beyond: beyond) }
    set { (lines, kept, beyond) = (newValue.lines, newValue.kept, newValue.beyond) }
  }

  func add(_ warning: Warning) {
    let kind = warning.kind
    guard kept[kind, default: 0] < kind.linesMax else {
      beyond[kind, default: 0] += 1
      return
    }
    kept[kind, default: 0] += 1
    lines.append(Self.line(warning))
  }

  /// As ``add(_:)``, unless it says so already, as an interrupted run may have seen to.
  func addOnce(_ warning: Warning) {
    if !lines.contains(Self.line(warning)) { add(warning) }
  }

  private static func line(_ warning: Warning) -> String {
    String(String.UnicodeScalarView(warning.text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }

  var text: String {
    guard !lines.isEmpty else { return "Nothing that was selected is missing.\n" }
    let rest = beyond.sorted { $0.key.rawValue < $1.key.rawValue }.map {
      "and \($0.value) more of \"\($0.key.rawValue)\""
    }
    return (lines + rest).joined(separator: "\n") + "\n"
  }
}
