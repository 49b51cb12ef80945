/// What a message says: text the server may read, or bytes only the members' devices can open.
package enum MessageBody: Hashable, Sendable {
  case plain(String)
  case sealed(SealedBody)
}

/// Ciphertext made by a client. Returned bit for bit.
package struct SealedBody: Hashable, Sendable {
  package var ciphertext: [UInt8]
  package var keyID: String?
  /// Device or subject to wrapped key.
  package var wrappedKeys: [String: [UInt8]]

  package init(ciphertext: [UInt8], keyID: String? = nil, wrappedKeys: [String: [UInt8]] = [:]) {
    self.ciphertext = ciphertext
    self.keyID = keyID
    self.wrappedKeys = wrappedKeys
  }
}

/// The search tokens a client computed for one message.
package struct TokenSet: Hashable, Sendable {
  package enum Mode: UInt8, Sendable { case plain = 0, blinded = 1 }

  package var mode: Mode
  package var generation: UInt32
  /// Plain: UTF-8 words. Blinded: 8 raw bytes each. Unordered.
  package var set: [[UInt8]]
  /// In text order, with repeats; gives phrases.
  package var sequence: [[UInt8]]
  package var bigrams: [[UInt8]]
  package var prefixes: [[UInt8]]
  /// `link`, `image`, `file`, ….
  package var flags: [String]

  package init(
    mode: Mode, generation: UInt32 = 0, set: [[UInt8]] = [], sequence: [[UInt8]] = [],
    bigrams: [[UInt8]] = [], prefixes: [[UInt8]] = [], flags: [String] = []
  ) {
    self.mode = mode
    self.generation = generation
    self.set = set
    self.sequence = sequence
    self.bigrams = bigrams
    self.prefixes = prefixes
    self.flags = flags
  }
}

/// A file that goes with a message: its description, never its bytes.
package struct Attachment: Hashable, Sendable {
  package var id: String
  package var name: String?
  package var mimeType: String?
  package var size: Int64?
  package var sha256: String?
  package var url: String?

  package init(
    id: String, name: String? = nil, mimeType: String? = nil, size: Int64? = nil, sha256: String? = nil,
    url: String? = nil
  ) {
    self.id = id
    self.name = name
    self.mimeType = mimeType
    self.size = size
    self.sha256 = sha256
    self.url = url
  }
}

/// Everything personal in one version of a message. Stored only sealed, under the author's lane key.
package struct MessagePayload: Hashable, Sendable {
  package var messageID: String
  package var body: MessageBody {
    // Tokens that follow are those of the text they came with.
    didSet { if tokensFollow, body != oldValue { tokens = Self.following(oldValue) } }
  }
  package var contentType: String
  package var replyTo: String?
  package var threadID: String?
  package var clientMessageID: String?
  package var mentions: [String]
  package var attachments: [Attachment]
  var carriedTokens: CarriedTokens
  /// Edits that compaction put beside the message in its segment. Readers merge them in and never hand them on.
  package var folded: [FoldedEdit] = []

  package init(
    messageID: String, body: MessageBody, contentType: String = "text/plain", replyTo: String? = nil,
    threadID: String? = nil, clientMessageID: String? = nil, mentions: [String] = [],
    attachments: [Attachment] = [], tokens: TokenSet? = nil
  ) {
    self.messageID = messageID
    self.body = body
    self.contentType = contentType
    self.replyTo = replyTo
    self.threadID = threadID
    self.clientMessageID = clientMessageID
    self.mentions = mentions
    self.attachments = attachments
    carriedTokens = tokens.map(CarriedTokens.given) ?? .absent
  }
}
