import Model
package import SearchTokens
import Synchronization

/// Plays the client for input that carries plain text: computes search tokens, and with a token key blinds them
/// and seals the bodies, so that nothing behind this point holds plain text.
package struct CorpusClient: Sendable {
  package enum Tokens: Sendable {
    case none
    case plain
    /// `bigrams` and `prefixes` reveal more to the server and are the caller's choice.
    case blinded(
      TokenMaster, bigrams: Bool, prefixes: Bool,
      generations: TokenGenerations = .always(CorpusClient.generation)
    )
  }

  private let tokens: Tokens
  private let tenant: String
  private let tokenizer = Tokenizer()
  /// A corpus repeats the sender's name in each of their messages.
  private let names = NameTokenCache()

  package init(tokens: Tokens, tenant: String) {
    self.tokens = tokens
    self.tenant = tenant
  }

  /// Whether raw lines must not be kept on the server's side.
  var withholdsRaw: Bool {
    if case .blinded = tokens { return true }
    return false
  }

  func item(_ message: CorpusMessage, line: Int64, raw: [UInt8]) -> IngestItem {
    var payload = MessagePayload(
      messageID: message.messageID, body: .plain(message.content), contentType: message.contentType,
      replyTo: message.replyTo)
    write(message.content, to: &payload, message.conversationID, at: message.createdAt)
    return IngestItem(
      line: line, raw: withholdsRaw ? [] : raw,
      event: .messageCreated(
        MessageCreated(
          conversationID: message.conversationID, senderID: message.senderID, createdAt: message.createdAt,
          payload: payload)),
      senderName: message.senderName,
      senderTokens: names.tokens(of: message.senderName) { nameTokens([message.senderName]) },
      conversationName: message.conversationName, senderJoins: true)
  }

  /// Adds what a client would to an event that came with plain text and without tokens.
  func item(_ incoming: IncomingEvent, line: Int64, raw: [UInt8]) -> IngestItem {
    var event = incoming.event
    switch event {
    case .messageCreated(var created):
      if case .plain(let text) = created.payload.body {
        if !created.payload.hasTokens || withholdsRaw {
          write(text, to: &created.payload, created.conversationID, at: created.createdAt)
        }
        event = .messageCreated(created)
      }
    case .messageEdited(var edit):
      if case .plain(let text) = edit.body {
        // An edit is blinded like what is written at its time; when its message was is not known here.
        if edit.tokens == nil || withholdsRaw {
          edit.tokens = tokens(text, edit.conversationID, at: edit.editedAt)
        }
        edit.body = body(text, edit.messageID, edit.conversationID)
        event = .messageEdited(edit)
      }
    case .userUpserted(var user):
      let texts = [user.displayName, user.email].compactMap { $0 }
      if !texts.isEmpty, user.tokens == nil || withholdsRaw { user.tokens = nameTokens(texts) }
      event = .userUpserted(user)
    default: break
    }
    return IngestItem(line: line, raw: withholdsRaw ? [] : raw, event: event, eventID: incoming.eventID)
  }

  /// Tokens and body as a client sends them; plain tokens are made when they are asked for.
  private func write(
    _ text: String, to payload: inout MessagePayload, _ conversation: String, at time: Timestamp
  ) {
    if case .plain = tokens {
      payload.addFollowingTokens()
    } else {
      payload.tokens = tokens(text, conversation, at: time)
      payload.body = body(text, payload.messageID, conversation)
    }
  }

  private func body(_ text: String, _ message: String, _ conversation: String) -> MessageBody {
    guard case .blinded(let master, _, _, _) = tokens else { return .plain(text) }
    let key = master.bodyKey(tenant: tenant, conversation: conversation)
    return .sealed(SealedBody(ciphertext: key.seal(text, messageID: message), keyID: key.id))
  }

  private func tokens(_ text: String, _ conversation: String, at time: Timestamp) -> TokenSet? {
    switch tokens {
    case .none: return nil
    case .plain: return TokenSet(of: text)
    case .blinded(let master, let bigrams, let prefixes, let generations):
      let generation = generations.generation(at: time)
      let key = master.conversationKey(tenant: tenant, conversation: conversation, generation: generation)
      let found = key.blind(tokenizer.tokens(in: text), bigrams: bigrams, prefixes: prefixes)
      return TokenSet(
        mode: .blinded, generation: generation, set: Self.raw(found.set),
        bigrams: Self.raw(found.bigrams),
        prefixes: Self.raw(found.prefixes), flags: found.flags)
    }
  }

  /// Of a person's names. Blinded under the directory's key: that of the conversation without a name, as no
  /// conversation has an empty id.
  private func nameTokens(_ texts: [String]) -> TokenSet? {
    let found = tokenizer.tokens(in: texts.joined(separator: "\n"))
    switch tokens {
    case .none: return nil
    case .plain: return TokenSet(mode: .plain, set: Array(found.setBytes.prefix(UserUpsert.tokensMax)))
    case .blinded(let master, _, let prefixes, _):
      let key = master.conversationKey(
        tenant: tenant, conversation: Self.directory, generation: Self.generation)
      let blinded = key.blind(found, prefixes: prefixes)
      return TokenSet(
        mode: .blinded, generation: Self.generation, set: Self.raw(blinded.set),
        prefixes: Self.raw(blinded.prefixes))
    }
  }

  /// What stands for the directory of people where keys are named by conversation.
  package static let directory = ""

  private static func raw(_ tokens: [String]) -> [[UInt8]] {
    tokens.compactMap { BlindToken(base64URL: $0)?.bytes }
  }

  /// Of the keys of a client that is told nothing else.
  package static let generation: UInt32 = 1
}

/// Tokens of names met before, within limits.
private final class NameTokenCache: Sendable {
  private let known = Mutex<[String: TokenSet]>([:])
  private static let namesMax = 20_000

  func tokens(of name: String, make: () -> TokenSet?) -> TokenSet? {
    if let tokens = known.withLock({ $0[name] }) { return tokens }
    guard let made = make() else { return nil }
    known.withLock { known in
      if known.count >= Self.namesMax { known = [:] }
      known[name] = made
    }
    return made
  }
}
