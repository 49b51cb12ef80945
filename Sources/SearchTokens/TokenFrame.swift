/// Blinded tokens of one message as bytes: the wire format `bt1`.
///
/// ```
/// u8 version = 1 | u8 suite = 1 | u8 norm = 1 | u8 flags | 8 bytes kid | u8 sections
/// section: u8 class | u16 n, big-endian | n × 8 bytes, ascending and distinct
/// ```
/// Sections stand in ascending order of their class and are not empty, so that a message has one frame only.
public struct TokenFrame: Hashable, Sendable {
  /// Tokens of one class.
  public struct Section: Hashable, Sendable {
    /// What the tokens stand for.
    public let kind: TokenClass
    /// Ascending and distinct, 1 to ``TokenFrame/sectionMax``.
    public let tokens: [BlindToken]
  }

  /// Names the key to the server: 8 bytes.
  public let kid: [UInt8]
  /// Of ``flagNames``, in their order.
  public let flags: [String]
  /// Ascending by class.
  public let sections: [Section]

  /// The first byte of a frame.
  public static let version: UInt8 = 1
  /// HMAC-SHA-256.
  public static let suite: UInt8 = 1
  /// The normalisation `n1`.
  public static let normalization: UInt8 = 1
  /// Tokens of a section.
  public static let sectionMax = 512
  /// Flags by their bit, the lowest first.
  public static let flagNames = ["link", "mention", "image", "file", "truncated"]

  static let kidSize = 8
  static let headerSize = 4 + kidSize + 1

  init(kid: [UInt8], flags: [String], sections: [Section]) {
    self.kid = kid
    self.flags = flags
    self.sections = sections
  }

  /// The frame of a message's blinded tokens.
  ///
  /// A list of more than ``sectionMax`` is cut, and the flag `truncated` set: what is left out is not found.
  /// - Parameter isExternal: no member wrote the text, as given to `blind`.
  /// - Throws: ``TokenFrameError`` for tokens that are plain, not base64url of 8 bytes, or flags without a bit.
  public init(_ message: MessageTokens, kid: [UInt8], isExternal: Bool = false) throws(TokenFrameError) {
    guard message.mode == .blinded, kid.count == Self.kidSize else {
      throw TokenFrameError(.notBlinded, at: 0)
    }
    guard message.flags.allSatisfy(Self.flagNames.contains) else {
      throw TokenFrameError(.unknownFlag, at: 0)
    }
    var isCut = false
    var sections: [Section] = []
    let lists = [
      (isExternal ? TokenClass.external : .word, message.set), (.bigram, message.bigrams),
      (.prefix, message.prefixes),
    ]
    for (kind, list) in lists where !list.isEmpty {
      let tokens = Set(list.compactMap { BlindToken(base64URL: $0) }).sorted()
      guard tokens.count == list.count else { throw TokenFrameError(.notBlinded, at: 0) }
      isCut = isCut || tokens.count > Self.sectionMax
      sections.append(Section(kind: kind, tokens: Array(tokens.prefix(Self.sectionMax))))
    }
    let set = Set(message.flags + (isCut ? ["truncated"] : []))
    self.init(
      kid: kid, flags: Self.flagNames.filter(set.contains),
      sections: sections.sorted { $0.kind.rawValue < $1.kind.rawValue })
  }

  /// The frame's bytes.
  public var bytes: [UInt8] {
    var flagBits: UInt8 = 0
    for (bit, name) in Self.flagNames.enumerated() where flags.contains(name) { flagBits |= 1 << UInt8(bit) }
    var bytes = [Self.version, Self.suite, Self.normalization, flagBits] + kid + [UInt8(sections.count)]
    for section in sections {
      bytes += [section.kind.rawValue, UInt8(section.tokens.count >> 8), UInt8(section.tokens.count & 0xFF)]
      for token in section.tokens { bytes += token.bytes }
    }
    return bytes
  }

  /// Back to the form of events. The generation is not in a frame: its `kid` names it.
  public func message(generation: UInt32) -> MessageTokens {
    func list(_ kinds: Set<TokenClass>) -> [String] {
      sections.filter { kinds.contains($0.kind) }.flatMap(\.tokens).sorted().map(\.base64URL)
    }
    return MessageTokens(
      mode: .blinded, generation: generation, set: list([.word, .external]), bigrams: list([.bigram]),
      prefixes: list([.prefix]), flags: flags)
  }
}

/// Bytes that are no frame, with the place where that shows.
public struct TokenFrameError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Code: String, Sendable, CaseIterable {
    /// The bytes end too early.
    case short
    /// A version, suite or normalisation that this library does not know.
    case unknownVersion = "unknown_version"
    /// A flag without a meaning.
    case unknownFlag = "unknown_flag"
    /// A class that is not known, or reserved.
    case unknownClass = "unknown_class"
    /// Sections not in ascending order of their class, or one twice.
    case sectionOrder = "section_order"
    /// A section without tokens.
    case emptySection = "empty_section"
    /// More than 512 tokens in a section.
    case tooMany = "too_many"
    /// Tokens not in ascending order, or one twice.
    case tokenOrder = "token_order"
    /// Bytes behind the last section.
    case trailing
    /// To be encoded: not blinded tokens.
    case notBlinded = "not_blinded"
  }

  /// What is wrong.
  public let code: Code
  /// The byte, counted from 0.
  public let offset: Int

  init(_ code: Code, at offset: Int) {
    self.code = code
    self.offset = offset
  }

  /// The same bytes give the same error.
  public var isRetryable: Bool { false }

  /// Holds none of the bytes.
  public var description: String { "not a bt1 frame: \(code.rawValue) at byte \(offset)" }
}
