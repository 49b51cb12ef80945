internal import SearchTokens

/// Plain tokens mostly follow from the text they came with, by rules that are frozen: such ones are not kept but made
/// again by whoever asks for them.
extension MessagePayload {
  enum CarriedTokens: Hashable, Sendable {
    case absent
    case given(TokenSet)
    /// What ``TokenSet/init(of:)`` makes of the body, which is plain.
    case following
  }

  /// Made anew each time it is asked for, where tokens follow.
  package var tokens: TokenSet? {
    get {
      switch carriedTokens {
      case .absent: nil
      case .given(let tokens): tokens
      case .following: Self.following(body)
      }
    }
    set { carriedTokens = newValue.map(CarriedTokens.given) ?? .absent }
  }

  package var tokensFollow: Bool { carriedTokens == .following }

  /// Without making those that follow.
  package var hasTokens: Bool { carriedTokens != .absent }

  static func following(_ body: MessageBody) -> TokenSet {
    guard case .plain(let text) = body else { preconditionFailure("tokens follow from plain text only") }
    return TokenSet(of: text)
  }

  /// Gives a message of plain text the tokens that follow from it.
  package mutating func addFollowingTokens() {
    guard case .plain(let text) = body else { preconditionFailure("tokens follow from plain text only") }
    carriedTokens = Tokenizer.isSettled(text) ? .following : .given(TokenSet(of: text))
  }

  /// Keeps tokens no longer that are, list by list, what follows from the text.
  package mutating func leaveOutFollowingTokens() {
    guard case .given(let tokens) = carriedTokens, tokens.mode == .plain, case .plain(let text) = body,
      Tokenizer.isSettled(text), tokens == TokenSet(of: text)
    else { return }
    carriedTokens = .following
  }

  /// The text of an edit, and the tokens that came with it.
  package mutating func replaceText(with edit: MessagePayload) {
    carriedTokens = .absent
    body = edit.body
    carriedTokens = edit.carriedTokens
  }
}

extension TokenSet {
  private static let tokenizer = Tokenizer()

  /// The plain tokens of a text: words and order, no pairs and no beginnings.
  package init(of text: String) {
    let found = Self.tokenizer.tokens(in: text)
    self.init(mode: .plain, set: found.setBytes, sequence: found.wordBytes, flags: found.flags)
  }
}
