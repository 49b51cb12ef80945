package import Model

/// What a message's tokens are to a search: of which kind, and under which keys.
package struct TokenKind: Sendable, Hashable {
  package enum Mode: Int16, Sendable { case none = 0, plain, blinded }

  package let mode: Mode
  /// Of the keys of blinded tokens, otherwise 0.
  package let generation: Int64

  package init(_ mode: Mode, generation: Int64 = 0) {
    self.mode = mode
    self.generation = generation
  }

  package init(of tokens: TokenSet?) {
    switch tokens?.mode {
    case .plain: self.init(.plain)
    case .blinded: self.init(.blinded, generation: Int64(tokens?.generation ?? 0))
    case nil: self.init(.none)
    }
  }

  /// Of a message; those that follow from its text are not made for it.
  package init(of payload: MessagePayload) {
    if payload.tokensFollow { self.init(.plain) } else { self.init(of: payload.tokens) }
  }

  /// Blinded under keys that were not noted, or are among too many to be noted one by one.
  package static let unknownGeneration: Int64 = -1
}

/// On which days messages of some conversations came with which tokens.
package struct TokenCoverage: Sendable {
  struct Entry: Hashable, Sendable {
    let route: RouteKey
    let conversation: ConversationID
    let kind: TokenKind
    /// Since 1970-01-01, in UTC.
    let day: Int64
  }

  private(set) var entries: [Entry: ClosedRange<Timestamp>] = [:]

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }

  /// Takes in one message.
  package mutating func note(
    _ kind: TokenKind, at time: Timestamp, route: RouteKey, conversation: ConversationID
  ) {
    let entry = Entry(route: route, conversation: conversation, kind: kind, day: Self.day(of: time))
    // When on a day is told of messages without tokens only, so that nothing is written twice a day for the others.
    guard let known = entries[entry] else {
      entries[entry] = time...time
      return
    }
    guard kind.mode == .none, !known.contains(time) else { return }
    entries[entry] = min(known.lowerBound, time)...max(known.upperBound, time)
  }

  package var byConversation: [ConversationID: TokenCoverage] {
    var parts: [ConversationID: TokenCoverage] = [:]
    for (entry, times) in entries {
      parts[entry.conversation, default: TokenCoverage()].entries[entry] = times
    }
    return parts
  }

  /// Of different conversations.
  package mutating func add(_ other: TokenCoverage) { entries.merge(other.entries) { first, _ in first } }

  package static func day(of time: Timestamp) -> Int64 {
    let (quotient, rest) = time.microseconds.quotientAndRemainder(dividingBy: dayMicroseconds)
    return rest < 0 ? quotient - 1 : quotient
  }

  package static func start(ofDay day: Int64) -> Timestamp {
    Timestamp(microseconds: day * dayMicroseconds)
  }

  private static let dayMicroseconds: Int64 = 86_400_000_000
}
