/// How numbers that have no name of their own are shown and typed: a word, a hyphen and 16 hexadecimal digits,
/// such as `hold-00a4f1c09b2277de`. The word says what it is, so that a hold's id is not taken for an export's.
package enum Handle {
  package static func text(_ word: String, _ number: Int64) -> String {
    let digits = String(UInt64(bitPattern: number), radix: 16)
    return "\(word)-" + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// `nil` unless `text` is exactly what ``text(_:_:)`` makes of `word` and some number; capitals are accepted.
  package static func number(_ word: String, _ text: String) -> Int64? {
    let digits = text.utf8.dropFirst(word.utf8.count + 1)
    guard text.hasPrefix(word + "-"), digits.count == 16, digits.allSatisfy({ isHexadecimal($0) }) else {
      return nil
    }
    return UInt64(String(decoding: digits, as: UTF8.self), radix: 16).map { Int64(bitPattern: $0) }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
  }
}
