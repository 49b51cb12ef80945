internal import Sodium

/// What a blinded token stands for. Each class has its own key, so that a word and the same letters as a
/// prefix cannot be linked.
public enum TokenClass: UInt8, Sendable, CaseIterable {
  /// A word, a part of one, or a letter or pair of a script without spaces.
  case word = 1
  /// The stem of a word. Reserved: no rule of version 1 makes it.
  case stem = 2
  /// Two neighbouring words.
  case bigram = 3
  /// The beginning of a word.
  case prefix = 4
  /// A word of a text that no member wrote (bots, bridges, gateways), so that a chosen text does not teach
  /// the server the tokens of members' words.
  case external = 5
  /// A whole entity such as an address or a number. Reserved: no rule of version 1 makes it.
  case entity = 6
}

/// Eight bytes that stand for a text to who has the key, and for nothing to who has not.
///
/// Cut to eight bytes for the size of the index, not for privacy: 10^7 distinct tokens under one key collide
/// with a probability of about 3e-6, and a collision is one false hit, which the client sees when it opens
/// the message.
public struct BlindToken: Hashable, Comparable, Sendable {
  /// The bytes as a big-endian number, so that order by value is order by bytes.
  let value: UInt64

  init(prefixOf bytes: some Collection<UInt8>) { value = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

  /// `nil` unless `text` is base64url, without padding, of 8 bytes.
  public init?(base64URL text: String) {
    guard let bytes = [UInt8](base64: text, .urlSafe), bytes.count == 8 else { return nil }
    self.init(prefixOf: bytes)
  }

  /// The 8 raw bytes.
  public var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) } }

  /// The form on the wire: 11 characters, RFC 4648 §5 without padding.
  public var base64URL: String { bytes.base64(.urlSafe) }

  /// By bytes.
  public static func < (left: BlindToken, right: BlindToken) -> Bool { left.value < right.value }
}
