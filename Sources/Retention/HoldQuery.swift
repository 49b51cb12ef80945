import Catalog
import History
import Model
import SearchTokens

/// The query of a hold, asked of messages themselves: the index knows their newest words only, and what it lacks by
/// mistake would be taken for what does not match.
struct HoldQuery: Sendable {
  private let parsed: ParsedQuery
  private static let tokenizer = Tokenizer(distinctMax: 16_384)

  /// - Throws: `RetentionError.invalidHold`, without a word of the query.
  init(_ text: String) throws(RetentionError) {
    do {
      parsed = try ParsedQuery(text)
    } catch {
      throw RetentionError(.invalidHold, "query: \(error)")
    }
    guard !parsed.isEmpty else { throw RetentionError(.invalidHold, "query: it asks for nothing") }
    // Both change without the message changing, so that what was found would not stay true.
    guard parsed.with.isEmpty, !parsed.has.contains(.reaction) else {
      throw RetentionError(
        .invalidHold,
        "query: with: and has:reaction are not kept to; name custodians or conversations instead")
    }
  }

  /// Whether it names people or conversations, by the platform's ids.
  var namesPeople: Bool { !parsed.from.isEmpty }
  var namesConversations: Bool { !parsed.in.isEmpty }

  /// Who wrote a message where, by the platform's ids; `nil`: not known any more, or not asked for.
  struct Names: Sendable {
    var sender: String?
    var conversation: String?
  }

  /// Whether any version of the message matches. What cannot be read is not known.
  ///
  /// - Parameter edits: how many there are, readable or not.
  func truth(of message: HistoricMessage, edits: Int, _ names: Names) -> Truth {
    let changes = message.changes.filter { $0.kind == .edit }
    let edited = changes.compactMap(\.payload)
    let isWhole = edited.count == changes.count && changes.count >= edits
    let versions = ([message.original] + edited).map { Version($0, of: message.original, Self.tokenizer) }
    func inSome(_ truth: (Version) -> Truth) -> Truth {
      .any(versions.map(truth) + (isWhole ? [] : [.unknown]))
    }
    var parts = [
      Truth(isWithinTimes(message.position.createdAt)), Self.truth(names.sender, among: parsed.from),
      Self.truth(names.conversation, among: parsed.in),
    ]
    for what in parsed.is {
      parts.append(Self.truth(what, message.original, edits: max(edits, changes.count)))
    }
    for what in parsed.has { parts.append(inSome { $0.has(what) }) }
    if let text = parsed.text { parts.append(inSome { $0.truth(text) }) }
    return .all(parts)
  }

  private func isWithinTimes(_ time: Timestamp) -> Bool {
    if let before = parsed.before, time.microseconds >= before.from { return false }
    if let after = parsed.after, time.microseconds < after.until { return false }
    if let on = parsed.on, !(on.from..<on.until).contains(time.microseconds) { return false }
    return true
  }

  private static func truth(_ name: String?, among names: [String]) -> Truth {
    guard !names.isEmpty else { return .yes }
    return name.map { Truth(names.contains($0)) } ?? .unknown
  }

  private static func truth(_ what: ParsedQuery.Is, _ message: MessagePayload, edits: Int) -> Truth {
    switch what {
    case .edited: Truth(edits > 0)
    case .thread: Truth(message.threadID != nil || message.replyTo != nil)
    }
  }
}

/// One version of a message, as a query is asked of it.
private struct Version {
  /// Of a body that the house can read.
  private let text: MessageWords?
  private let tokens: MessageWords?
  private let flags: Set<String>
  private let attachments: [Attachment]
  /// Whether ``flags`` are all there are.
  private let isFlagged: Bool

  /// - Parameter original: has the attachments, which edits leave as they are.
  init(_ version: MessagePayload, of original: MessagePayload, _ tokenizer: Tokenizer) {
    let said = version.tokens
    tokens = MessageWords(said)
    attachments = original.attachments + version.attachments
    var flags = Set(said?.flags ?? [])
    if case .plain(let body) = version.body {
      let words = tokenizer.tokens(in: body)
      flags.formUnion(words.flags)
      (text, isFlagged) = (MessageWords(words), !words.isTruncated)
    } else {
      (text, isFlagged) = (nil, said != nil)
    }
    self.flags = flags
  }

  /// A text's words are the house's to read: what its client says may add to them, and takes nothing away.
  func truth(_ node: QueryNode) -> Truth {
    let told = tokens?.truth(node)
    guard let read = text?.truth(node) else { return told ?? .unknown }
    return told == .yes ? .yes : read
  }

  func has(_ what: ParsedQuery.Has) -> Truth {
    if flags.contains(what.rawValue) { return .yes }
    switch what {
    case .file where !attachments.isEmpty: return .yes
    case .image where attachments.contains { $0.mimeType?.hasPrefix("image/") ?? false }: return .yes
    default: return isFlagged ? .no : .unknown
    }
  }
}
