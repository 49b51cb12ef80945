import CSodium

extension Array where Element == UInt8 {
  /// Lower-case hexadecimal.
  package var hex: String {
    let digits = Array<UInt8>("0123456789abcdef".utf8)
    return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Bytes of hexadecimal text of either case; `nil` for anything else.
  package init?(hex text: String) {
    let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
    self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  package enum Base64Alphabet: Sendable {
    /// RFC 4648 §4, padded.
    case standard
    /// RFC 4648 §5, not padded.
    case urlSafe

    var variant: CInt {
      switch self {
      case .standard: CInt(sodium_base64_VARIANT_ORIGINAL)
      case .urlSafe: CInt(sodium_base64_VARIANT_URLSAFE_NO_PADDING)
      }
    }
  }

  package func base64(_ alphabet: Base64Alphabet = .standard) -> String {
    let size = sodium_base64_encoded_len(count, alphabet.variant)
    return unsafe String(unsafeUninitializedCapacity: size) { buffer in
      unsafe buffer.withMemoryRebound(to: CChar.self) { (text: UnsafeMutableBufferPointer<CChar>) in
        _ = unsafe sodium_bin2base64(text.baseAddress!, size, self, count, alphabet.variant)
      }
      return size - 1  // without the closing NUL
    }
  }

  /// Strict: no white space, right padding; `nil` for anything else.
  package init?(base64 text: String, _ alphabet: Base64Alphabet = .standard) {
    let capacity = text.utf8.count / 4 * 3 + 3
    var size = 0
    var valid = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
      var end: UnsafePointer<CChar>? = nil
      unsafe text.withCString { (start: UnsafePointer<CChar>) in
        let length = text.utf8.count
        valid =
          unsafe sodium_base642bin(
            buffer.baseAddress!, capacity, start, length, nil, &size, &end, alphabet.variant) == 0
          && end == start + length
      }
      filled = valid ? size : 0
    }
    guard valid else { return nil }
    self = bytes
  }
}
