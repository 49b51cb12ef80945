internal import Model
internal import Sodium
internal import SimdJSON

/// What only messages have: bodies, attachments, tokens.
extension EventFields {
  /// `{"plain": text}` or `{"sealed": base64, "key_id", "wrapped_keys"}`, never both.
  func body() throws(RejectedInput) -> MessageBody {
    if let mapping, mapping.splitsBody { return try mappedBody() }
    guard let body = try optionalObject("body") else { throw missing("body") }
    let plain = try body.optionalText("plain")
    let sealed = try body.optionalBase64("sealed")
    switch (plain, sealed) {
    case (let plain?, nil): return .plain(plain)
    case (nil, let sealed?): return .sealed(try body.sealedBody(sealed))
    case (nil, nil): throw rejected(.missingKey, "body", "needs plain or sealed")
    default: throw rejected(.badValue, "body", "has both plain and sealed")
    }
  }

  /// A mapping names text and ciphertext apart; the first that is there counts.
  private func mappedBody() throws(RejectedInput) -> MessageBody {
    if let plain = try optionalText("body.plain") { return .plain(plain) }
    guard let sealed = try optionalBase64("body.sealed") else { throw missing("body") }
    return .sealed(SealedBody(ciphertext: sealed, keyID: try optionalID("body.key_id")))
  }

  private func sealedBody(_ ciphertext: [UInt8]) throws(RejectedInput) -> SealedBody {
    guard !ciphertext.isEmpty else { throw rejected(.badValue, "sealed", "is empty") }
    var sealed = SealedBody(ciphertext: ciphertext, keyID: try optionalID("key_id"))
    guard let wrapped = try optionalObject("wrapped_keys") else { return sealed }
    for (device, key) in wrapped.object.members {
      guard Self.isID(device) else { throw rejected(.badValue, "wrapped_keys", "a name " + Self.idRule) }
      guard let bytes = key.string.flatMap({ [UInt8](base64: $0) }) else {
        throw rejected(.badValue, "wrapped_keys", "values must be padded base64")
      }
      sealed.wrappedKeys[device] = bytes
    }
    return sealed
  }

  func ids(_ key: String) throws(RejectedInput) -> [String] {
    var ids: [String] = []
    try optionalList(key)?.forEachElement { (value) throws(RejectedInput) in
      guard let id = value.string, Self.isID(id) else {
        throw rejected(.badValue, key, "each " + Self.idRule)
      }
      ids.append(id)
    }
    return ids
  }

  func attachments() throws(RejectedInput) -> [Attachment] {
    var attachments: [Attachment] = []
    try optionalList("attachments")?.forEachElement { (value) throws(RejectedInput) in
      guard value.kind == .object else { throw rejected(.badValue, "attachments", "must hold objects") }
      let fields = EventFields(value, prefix: prefix + "attachments.")
      attachments.append(
        Attachment(
          id: try fields.id("id"), name: try fields.optionalText("name"),
          mimeType: try fields.optionalText("mime_type"),
          size: try fields.optionalInteger("size", in: 0...Int64.max),
          sha256: try fields.optionalText("sha256"), url: try fields.optionalText("url")))
    }
    return attachments
  }

  func tokens() throws(RejectedInput) -> TokenSet? {
    guard let fields = try optionalObject("tokens") else { return nil }
    let rule: TokenRule = try fields.word("mode", TokenRule.self)
    return TokenSet(
      mode: rule == .plain ? .plain : .blinded,
      generation: UInt32(try fields.optionalInteger("generation", in: 0...Int64(UInt32.max)) ?? 0),
      set: try fields.tokenList("set", rule), sequence: try fields.tokenList("sequence", rule),
      bigrams: try fields.tokenList("bigrams", rule), prefixes: try fields.tokenList("prefixes", rule),
      flags: try fields.tokenList("flags", .plain).map { String(decoding: $0, as: UTF8.self) })
  }

  private func tokenList(_ key: String, _ rule: TokenRule) throws(RejectedInput) -> [[UInt8]] {
    var tokens: [[UInt8]] = []
    try optionalList(key)?.forEachElement { (value) throws(RejectedInput) in
      guard let token = rule.token(value) else { throw rejected(.badValue, key, rule.text) }
      tokens.append(token)
    }
    return tokens
  }
}

/// How the tokens of a mode are written.
private enum TokenRule: String {
  case plain, blinded

  static let plainLimit = 64
  static let blindedSize = 8

  var text: String {
    switch self {
    case .plain: "each must be 1 to \(Self.plainLimit) bytes without control characters"
    case .blinded: "each must be base64url, not padded, of \(Self.blindedSize) bytes"
    }
  }

  func token(_ value: JSONValue) -> [UInt8]? {
    switch self {
    case .plain:
      guard let word = value.utf8, (1...Self.plainLimit).contains(word.count), !word.holdsControlCharacter
      else {
        return nil
      }
      return word
    case .blinded:
      guard let text = value.string, let bytes = [UInt8](base64: text, .urlSafe),
        bytes.count == Self.blindedSize
      else { return nil }
      return bytes
    }
  }
}
