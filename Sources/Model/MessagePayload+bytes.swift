/// The payload's binary form, version 1 or 2: a byte 1, then tagged fields in ascending tag order, each a tag
/// byte followed by a length-prefixed value. Unknown tags are refused: the bytes are authenticated, so a tag
/// neither version knows can only come from a newer writer. `Schemas/formats/payload-v1.md` has the table,
/// `payload-v2.md` the one tag that makes version 2.
extension MessagePayload {
  private enum Tag: UInt8 {
    case messageID = 1, plainBody, sealedBody, contentType, replyTo, threadID, clientMessageID, mention
    case attachment, tokens, foldedEdit, followingTokens
  }

  /// By which rules tokens follow: those of `Schemas/tokens/v1.md`.
  private static let tokenRules: [UInt8] = [1]

  package var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: 256)
    writer.byte(1)
    func field(_ tag: Tag, _ value: [UInt8]) {
      writer.byte(tag.rawValue)
      writer.blob(value)
    }
    func field(_ tag: Tag, _ value: String?) {
      guard let value else { return }
      writer.byte(tag.rawValue)
      writer.text(value)
    }
    field(.messageID, messageID)
    switch body {
    case .plain(let text): field(.plainBody, text)
    case .sealed(let sealed): field(.sealedBody, sealed.bytes)
    }
    field(.contentType, contentType)
    field(.replyTo, replyTo)
    field(.threadID, threadID)
    field(.clientMessageID, clientMessageID)
    for mention in mentions { field(.mention, mention) }
    for attachment in attachments { field(.attachment, attachment.bytes) }
    if case .given(let tokens) = carriedTokens { field(.tokens, tokens.bytes) }
    for edit in folded { field(.foldedEdit, edit.bytes) }
    if tokensFollow { field(.followingTokens, Self.tokenRules) }
    return writer.bytes
  }

  package init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    guard try reader.byte() == 1 else { throw MalformedBytes("payload version") }
    self.init(messageID: "", body: .plain(""))
    var (hasBody, follow) = (false, false)
    while !reader.atEnd {
      guard let tag = Tag(rawValue: try reader.byte()) else { throw MalformedBytes("payload tag") }
      switch tag {
      case .messageID: messageID = try reader.text()
      case .plainBody: (body, hasBody) = (.plain(try reader.text()), true)
      case .sealedBody: (body, hasBody) = (.sealed(try SealedBody(bytes: reader.blob())), true)
      case .contentType: contentType = try reader.text()
      // Empty where the message replied to is erased: a reply to nothing anybody could find.
      case .replyTo:
        let id = try reader.text()
        replyTo = id.isEmpty ? nil : id
      case .threadID: threadID = try reader.text()
      case .clientMessageID: clientMessageID = try reader.text()
      case .mention: mentions.append(try reader.text())
      case .attachment: attachments.append(try Attachment(bytes: reader.blob()))
      case .tokens: tokens = try TokenSet(bytes: reader.blob())
      case .foldedEdit: folded.append(try FoldedEdit(bytes: reader.blob()))
      case .followingTokens:
        guard try reader.blob() == Self.tokenRules else { throw MalformedBytes("rules of tokens") }
        follow = true
      }
    }
    guard hasBody, !messageID.isEmpty else { throw MalformedBytes("payload without id or body") }
    guard follow else { return }
    guard case .plain = body, !hasTokens else { throw MalformedBytes("tokens that follow from no text") }
    carriedTokens = .following
  }

  /// Whether edits lie beside the message, without reading what it says.
  package static func hasFolded(_ bytes: [UInt8]) throws(MalformedBytes) -> Bool {
    var reader = ByteReader(bytes)
    guard try reader.byte() == 1 else { throw MalformedBytes("payload version") }
    while !reader.atEnd {
      if try reader.byte() == Tag.foldedEdit.rawValue { return true }
      try reader.skip()
    }
    return false
  }
}

extension SealedBody {
  package var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.blob(ciphertext)
    writer.byte(keyID == nil ? 0 : 1)
    if let keyID { writer.text(keyID) }
    for (device, key) in wrappedKeys.sorted(by: { $0.key < $1.key }) {
      writer.text(device)
      writer.blob(key)
    }
    return writer.bytes
  }

  package init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    self.init(ciphertext: try reader.blob())
    keyID = try reader.optionalText()
    while !reader.atEnd { wrappedKeys[try reader.text()] = try reader.blob() }
  }
}

extension Attachment {
  package var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.text(id)
    writer.signed(size ?? -1)
    for value in [name, mimeType, sha256, url] {
      writer.byte(value == nil ? 0 : 1)
      if let value { writer.text(value) }
    }
    return writer.bytes
  }

  package init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    self.init(id: try reader.text())
    let stored = try reader.signed()
    size = stored < 0 ? nil : stored
    name = try reader.optionalText()
    mimeType = try reader.optionalText()
    sha256 = try reader.optionalText()
    url = try reader.optionalText()
    guard reader.atEnd else { throw MalformedBytes("attachment") }
  }
}

extension ByteReader {
  fileprivate mutating func optionalText() throws(MalformedBytes) -> String? {
    switch try byte() {
    case 0: nil
    case 1: try text()
    default: throw MalformedBytes("neither 0 nor 1")
    }
  }
}

extension TokenSet {
  /// Also used alone: an edit's payload carries its own tokens.
  package var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: 128)
    writer.byte(mode.rawValue)
    writer.varint(UInt64(generation))
    for list in [set, sequence, bigrams, prefixes, flags.map { Array($0.utf8) }] {
      writer.varint(list.count)
      for token in list {
        writer.blob(token)
      }
    }
    return writer.bytes
  }

  package init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    guard let mode = Mode(rawValue: try reader.byte()) else { throw MalformedBytes("token mode") }
    guard let generation = UInt32(exactly: try reader.varint()) else { throw MalformedBytes("generation") }
    var lists: [[[UInt8]]] = []
    for _ in 0..<5 {
      let count = try reader.count(limit: 1 << 20)
      var list: [[UInt8]] = []
      list.reserveCapacity(min(count, 4_096))
      for _ in 0..<count { list.append(try reader.blob()) }
      lists.append(list)
    }
    guard reader.atEnd else { throw MalformedBytes("token set") }
    var flags: [String] = []
    for bytes in lists[4] {
      guard let flag = String(validating: bytes, as: UTF8.self) else { throw MalformedBytes("flag") }
      flags.append(flag)
    }
    self.init(
      mode: mode, generation: generation, set: lists[0], sequence: lists[1], bigrams: lists[2],
      prefixes: lists[3], flags: flags)
  }
}
