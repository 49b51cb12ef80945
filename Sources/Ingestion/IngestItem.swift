import History
package import Model

/// One line of input that could be read: its event, and what the line's format implies besides.
package struct IngestItem: Sendable {
  /// 1-based, within its source.
  package var line: Int64
  package var raw: [UInt8]
  package var event: Event
  package var eventID: String?
  /// What a corpus says of its sender and conversation beside the message.
  package var senderName: String?
  /// What the sender is found by, where a client made it of the name.
  package var senderTokens: TokenSet?
  package var conversationName: String?
  /// A corpus makes every sender a member who sees the whole conversation.
  package var senderJoins: Bool

  package init(
    line: Int64, raw: [UInt8], event: Event, eventID: String? = nil, senderName: String? = nil,
    senderTokens: TokenSet? = nil, conversationName: String? = nil, senderJoins: Bool = false
  ) {
    self.line = line
    self.raw = raw
    self.event = event
    self.eventID = eventID
    self.senderName = senderName
    self.senderTokens = senderTokens
    self.conversationName = conversationName
    self.senderJoins = senderJoins
  }
}

/// A line that was not accepted, and why.
package struct RejectedLine: Sendable {
  package var line: Int64
  package var raw: [UInt8]
  package var code: String
  package var detail: String

  package init(line: Int64, raw: [UInt8], code: String, detail: String) {
    self.line = line
    self.raw = raw
    self.code = code
    self.detail = detail
  }
}

/// A stretch of one source, decoded.
package struct IngestBatch: Sendable {
  package var source: String
  package var items: [IngestItem] = []
  package var rejected: [RejectedLine] = []
  /// The last line the batch covers; recorded as the source's position with the batch.
  package var position: Int64 = 0

  package init(source: String) { self.source = source }
}

/// What became of the input.
package struct IngestResult: Sendable {
  package var accepted = 0
  package var duplicates = 0
  package var setAside: [SetAsideNotice] = []
  package var setAsideCount = 0
  /// Files that could not be read, or not to their end: what was read of them, and all others, went through.
  package var failures: [SourceError] = []

  package init() {}

  package static func += (left: inout IngestResult, right: IngestResult) {
    left.accepted += right.accepted
    left.duplicates += right.duplicates
    left.setAsideCount += right.setAsideCount
    left.failures += right.failures
    left.setAside = Array((left.setAside + right.setAside).prefix(noticesMax))
  }

  /// Whether not a line came.
  package var isNothing: Bool { accepted + duplicates + setAsideCount == 0 }

  /// Notices kept in memory; all of them are in the catalogue.
  package static let noticesMax = 1_000
}

package struct SetAsideNotice: Sendable, Hashable {
  package let line: Int64
  package let code: String
  package let detail: String
}
