/// The `tokens` of a message event (CONTRACT §3), ready for JSON: plain words, or base64url of blinded
/// tokens.
public struct MessageTokens: Hashable, Sendable, Codable {
  /// Whether the server reads the words.
  public enum Mode: String, Sendable, Codable {
    /// Normalised words.
    case plain
    /// Keyed tokens of 8 bytes.
    case blinded
  }

  /// Whether the server reads the words.
  public var mode: Mode
  /// The generation of the conversation's secret; for blinded tokens.
  public var generation: UInt32?
  /// Distinct tokens, sorted.
  public var set: [String]
  /// Words in text order, with repeats; for plain tokens.
  public var sequence: [String]
  /// Pairs of neighbouring words; for blinded tokens.
  public var bigrams: [String]
  /// Beginnings of words.
  public var prefixes: [String]
  /// What the message holds besides words: `link`, `mention`, `image`, `file`.
  public var flags: [String]

  /// Lists that are empty are left out of the JSON.
  public init(
    mode: Mode, generation: UInt32? = nil, set: [String] = [], sequence: [String] = [],
    bigrams: [String] = [],
    prefixes: [String] = [], flags: [String] = []
  ) {
    self.mode = mode
    self.generation = generation
    self.set = set
    self.sequence = sequence
    self.bigrams = bigrams
    self.prefixes = prefixes
    self.flags = flags
  }

  /// The plain tokens of a text: what a client sends for a conversation whose words the server may read.
  public init(plain text: TokenizedText, prefixes: Bool = false) {
    self.init(
      mode: .plain, set: text.set, sequence: text.words, prefixes: prefixes ? text.prefixes : [],
      flags: text.flags)
  }

  private enum CodingKeys: String, CodingKey {
    case mode, generation, set, sequence, bigrams, prefixes, flags
  }

  /// Every list may be absent.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    mode = try values.decode(Mode.self, forKey: .mode)
    generation = try values.decodeIfPresent(UInt32.self, forKey: .generation)
    set = try values.decodeIfPresent([String].self, forKey: .set) ?? []
    sequence = try values.decodeIfPresent([String].self, forKey: .sequence) ?? []
    bigrams = try values.decodeIfPresent([String].self, forKey: .bigrams) ?? []
    prefixes = try values.decodeIfPresent([String].self, forKey: .prefixes) ?? []
    flags = try values.decodeIfPresent([String].self, forKey: .flags) ?? []
  }

  /// Empty lists are left out.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(mode, forKey: .mode)
    try values.encodeIfPresent(generation, forKey: .generation)
    for (key, list) in [
      (CodingKeys.set, set), (.sequence, sequence), (.bigrams, bigrams), (.prefixes, prefixes),
      (.flags, flags),
    ] where !list.isEmpty {
      try values.encode(list, forKey: key)
    }
  }
}
