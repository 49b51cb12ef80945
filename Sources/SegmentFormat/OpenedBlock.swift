import Model

/// The lanes of a block that could be opened, in the order in which their messages are numbered.
struct OpenedBlock {
  private var lanes: [(sender: SubjectID, contents: LaneContents)] = []
  /// By number less one; only where something refers to it.
  private var ids: [PayloadParts.Bytes?] = []
  private var hasReferences = false
  private let count: Int
  private(set) var unreadable = 0
  /// Bytes that further lanes may take once decompressed.
  var budget = BlockEntry.plainBytesMax

  init(count: Int) {
    self.count = count
    ids.reserveCapacity(count)
  }

  /// - Parameter contents: `nil` without the lane's key.
  mutating func add(_ contents: LaneContents?, of lane: LaneTable.Lane) {
    guard let contents else {
      unreadable += lane.count
      ids += Array(repeating: nil, count: lane.count)
      return
    }
    lanes.append((lane.sender, contents))
    for part in contents.parts {
      ids.append(part.isWhole ? [] : part.id)
      hasReferences = hasReferences || (part.replied ?? 0) > 0
    }
  }

  /// In order of positions; `.overLimit` before they take more memory than a block's may. A reply to a message that is
  /// gone, or whose lane does not open, is one to an empty id.
  func messages(of conversation: ConversationID, key: (PayloadParts.Bytes) -> MessageKey?) throws
    -> [StoredMessage]
  {
    var messages: [StoredMessage] = []
    messages.reserveCapacity(count)
    var bytes = 0
    for (sender, lane) in lanes {
      for (index, parts) in lane.parts.enumerated() {
        guard let key = lane.keys?[index] ?? key(parts.id) else {
          throw SegmentError(.keyDestroyed, "the hash of message ids")
        }
        let payload = try resolved(parts).payload
        bytes += payload.count
        guard bytes <= BlockEntry.payloadBytesMax else {
          throw SegmentError(.overLimit, "the payloads of a block")
        }
        messages.append(
          StoredMessage(
            key: key, position: lane.positions[index], conversation: conversation, sender: sender,
            payload: payload))
      }
    }
    messages.sort { $0.position < $1.position }
    return messages
  }

  private func resolved(_ parts: PayloadParts) throws(MalformedBytes) -> PayloadParts {
    guard let number = parts.replied else { return parts }
    var parts = parts
    parts.reply = []
    guard number > 0, let id = ids[number - 1] else { return parts }
    // Only what has an id of its own is referred to.
    guard !id.isEmpty else { throw MalformedBytes("reply to no message") }
    parts.reply = id
    return parts
  }
}
